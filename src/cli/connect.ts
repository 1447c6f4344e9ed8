import { pgExecutor, type PgPool } from "../adapters/pg/pg.ts";
import { postgresExecutor } from "../adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../core/executor.ts";

/** A database that a command opened, and closes. */
export interface Connection extends AsyncDisposable {
  readonly executor: SqlExecutor;
  /** The driver's package. */
  readonly driver: string;
}

/** How a command waits for a connection. */
const CONNECT_SECONDS = 10;
const MAX_CONNECTIONS = 10;

type Open = (url: string) => Promise<Omit<Connection, "driver">>;

/** In the order in which they are tried. */
const DRIVERS: Readonly<Record<string, Open>> = {
  pg: openPg,
  postgres: openPostgres,
  "@neondatabase/serverless": openNeon,
};

/**
 * Opens the database with the first driver that is installed. Nothing is sent
 * yet: a wrong password shows with the first statement.
 *
 * @throws Error naming the drivers where none is installed.
 */
export async function connect(url: string): Promise<Connection> {
  for (const [driver, open] of Object.entries(DRIVERS)) {
    try {
      return { driver, ...(await open(url)) };
    } catch (error) {
      if (!isMissing(error, driver)) throw error;
    }
  }
  throw new Error(
    `no PostgreSQL driver is installed: \`npm install pg\` (or ${Object.keys(DRIVERS).slice(1).join(", or ")})`,
  );
}

/** Whether `error` says that this very package isn't there; one that is there but broken is another matter. */
export function isMissing(error: unknown, name: string): boolean {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  return code === "ERR_MODULE_NOT_FOUND" && String(message).includes(`'${name}'`);
}

async function openPg(url: string): ReturnType<Open> {
  const { default: pg } = await import("pg");
  return fromPool(
    new pg.Pool({
      connectionString: url,
      max: MAX_CONNECTIONS,
      connectionTimeoutMillis: CONNECT_SECONDS * 1000,
      application_name: "pqrun",
    }),
  );
}

async function openNeon(url: string): ReturnType<Open> {
  const { Pool } = await import("@neondatabase/serverless");
  if (typeof WebSocket === "undefined") {
    throw new Error("@neondatabase/serverless needs WebSocket, which Node has from 22 on: `npm install pg`");
  }
  // Its HTTP has no sessions, and so no LISTEN: its Pool speaks through a WebSocket.
  return fromPool(new Pool({ connectionString: url, max: MAX_CONNECTIONS }));
}

function fromPool(
  pool: PgPool & { on(event: "error", listener: () => void): unknown; end(): Promise<void> },
): Omit<Connection, "driver"> {
  // An idle connection that the server ends is no error of any command's.
  pool.on("error", () => undefined);
  return { executor: pgExecutor(pool), [Symbol.asyncDispose]: () => pool.end() };
}

async function openPostgres(url: string): ReturnType<Open> {
  const { default: postgres } = await import("postgres");
  const sql = postgres(withoutChannelBinding(url), {
    max: MAX_CONNECTIONS,
    connect_timeout: CONNECT_SECONDS,
    // It prints them otherwise.
    onnotice: () => undefined,
    connection: { application_name: "pqrun" },
  });
  return { executor: postgresExecutor(sql), [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) };
}

/**
 * Neon's console puts `channel_binding=require` into its URLs. pg ignores it;
 * postgres.js, which can't bind either, would send it to a server that refuses it.
 */
export function withoutChannelBinding(url: string): string {
  return url.replace(/(?<=[?&])channel_binding=[^&]*&?/, "").replace(/[?&]$/, "");
}
