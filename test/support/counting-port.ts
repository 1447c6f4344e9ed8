import { once } from "node:events";
import { createServer } from "node:net";

/** Takes the place of a server that is away, and counts who knocks. */
export interface CountingPort extends AsyncDisposable {
  readonly connects: number;
}

/** Listens on the port; each connection is closed at once. */
export async function countingPort(port: number): Promise<CountingPort> {
  let connects = 0;
  const server = createServer((socket) => {
    connects += 1;
    socket.on("error", () => undefined);
    socket.destroy();
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return {
    get connects() {
      return connects;
    },
    async [Symbol.asyncDispose]() {
      const closed = once(server, "close");
      server.close();
      await closed;
    },
  };
}
