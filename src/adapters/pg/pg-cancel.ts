import type { PgClient } from "./pg-driver.ts";

/** How long a request to cancel may be under way, in milliseconds. */
const REQUEST_MS = 5_000;

/** What a `pg` client keeps of its session: by its key another connection may cancel what it runs. */
interface Session {
  readonly processID?: number | null;
  readonly secretKey?: number | null;
  readonly host?: string | null;
  readonly port?: number | null;
  readonly connection?: Connection | null;
}

/** The connection under a `pg` client, which speaks the protocol. */
interface Connection {
  readonly ssl?: unknown;
  readonly sslNegotiation?: unknown;
  readonly stream: { destroy(): unknown };
  on(event: "connect" | "sslconnect" | "end" | "error", listener: () => void): unknown;
  connect(port: number | string, host?: string): void;
  requestSsl(): void;
  cancel(processID: number, secretKey: number): void;
}

type ConnectionClass = new (config: {
  readonly ssl: unknown;
  readonly sslNegotiation: unknown;
  readonly stream: unknown;
}) => Connection;

/**
 * Asks the server to end what `client` runs: as the protocol has it, by a connection of its own to the same host and
 * port, with TLS where the client has it. That is no session and takes no place among the server's. Whether the request
 * was heeded nobody says: only the answer of the statement itself does.
 *
 * `pg`'s own `Client.cancel` is not used: it speaks no TLS, and compares a property that is to go. Its `Connection` has
 * had all that it takes since long before 8.12, and so has the copy of it in Neon's driver. A client of another make
 * (`pg-native`) has none, and what it runs is not cancelled.
 *
 * @param stream how the pool opens its connections, where not by host and port
 * @returns when the request is over, whatever came of it
 */
export function cancelOnServer(client: PgClient, stream?: unknown): Promise<void> {
  return new Promise((resolve) => {
    const { processID, secretKey, host, port, connection } = client as Session;
    if (!connection || typeof processID !== "number" || typeof secretKey !== "number") {
      resolve();
      return;
    }
    const { ssl, sslNegotiation } = connection;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let request: Connection | undefined;
    const over = (): void => {
      clearTimeout(timer);
      request?.stream.destroy();
      resolve();
    };
    const send = (): void => request?.cancel(processID, secretKey);
    try {
      request = new (connection.constructor as ConnectionClass)({
        ssl,
        sslNegotiation,
        // One that is no function is the very stream of the client.
        stream: typeof stream === "function" ? stream : undefined,
      });
      timer = setTimeout(over, REQUEST_MS);
      // The server says nothing, and closes the connection once it has passed the request on.
      request.on("end", over);
      request.on("error", over);
      request.on("sslconnect", send);
      request.on("connect", () => {
        if (!ssl) send();
        else if (sslNegotiation !== "direct") request?.requestSsl();
      });
      if (host?.startsWith("/") === true) request.connect(`${host}/.s.PGSQL.${port ?? 5432}`);
      else request.connect(port ?? 5432, host ?? "localhost");
    } catch {
      over();
    }
  });
}
