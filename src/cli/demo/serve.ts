import { once } from "node:events";

import { createAdaptorServer } from "@hono/node-server";

/** A server that listens. */
export interface Serving extends AsyncDisposable {
  readonly url: string;
}

/** Serves an application to this machine alone. @throws Error where the port is taken. */
export async function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  port: number,
): Promise<Serving> {
  const server = createAdaptorServer({ fetch });
  const listening = once(server, "listening");
  server.listen(port, "127.0.0.1");
  await listening;
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? port) : port}`,
    [Symbol.asyncDispose]: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        // Idle ones would hold it open.
        if ("closeIdleConnections" in server) server.closeIdleConnections();
      }),
  };
}
