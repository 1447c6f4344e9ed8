import { once } from "node:events";

import { createAdaptorServer } from "@hono/node-server";

/** A server that listens. */
export interface Serving extends AsyncDisposable {
  readonly url: string;
}

/** The same at each start, so that a page which is open stays the demo's. */
export const DEMO_PORT = 7433;

/**
 * Serves an application to this machine alone.
 *
 * @param port @default `usual`, or any other where that is taken
 * @throws Error where the port that is asked for is taken.
 */
export async function serve(
  fetch: (request: Request) => Response | Promise<Response>,
  port: number | undefined,
  usual = DEMO_PORT,
): Promise<Serving> {
  const server = createAdaptorServer({ fetch });
  const listen = async (at: number): Promise<void> => {
    const listening = once(server, "listening");
    server.listen(at, "127.0.0.1");
    await listening;
  };
  await listen(port ?? usual).catch((error: unknown) => {
    if (port !== undefined || !isTaken(error)) throw error;
    return listen(0);
  });
  const address = server.address();
  return {
    url: `http://127.0.0.1:${typeof address === "object" ? (address?.port ?? 0) : 0}`,
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

function isTaken(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "EADDRINUSE";
}
