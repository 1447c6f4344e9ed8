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
  const options = {
    max: MAX_CONNECTIONS,
    connect_timeout: CONNECT_SECONDS,
    // It prints them otherwise.
    onnotice: () => undefined,
    connection: { application_name: "pqrun" },
  };
  const socket = socketOf(url);
  const sql =
    socket === undefined
      ? postgres(withoutOthersParameters(url), options)
      : postgres({ ...socket, ...options });
  return { executor: postgresExecutor(sql), [Symbol.asyncDispose]: () => sql.end({ timeout: 5 }) };
}

/**
 * Parameters that are not the server's, and that postgres.js would send to it: Neon's console puts
 * `channel_binding=require` into its URLs, Prisma wants `schema` and more. pg ignores them.
 */
export function withoutOthersParameters(url: string): string {
  return url
    .replace(
      /(?<=[?&])(?:channel_binding|schema|pgbouncer|connection_limit|pool_timeout|connect_timeout|socket_timeout|statement_cache_size)=[^&]*&?/g,
      "",
    )
    .replace(/[?&]$/, "");
}

/** What a socket's URL says (`postgres://user:pw@/app?host=/cloudsql/…`), which postgres.js can't read; undefined for others. */
export function socketOf(
  url: string,
):
  | { readonly path: string; readonly user?: string; readonly password?: string; readonly database?: string }
  | undefined {
  const [, user, password, database, query = ""] =
    /^[^:]+:\/\/(?:([^:/@]*)(?::([^/@]*))?@)?(?:localhost)?\/([^?]*)\?(.*)$/.exec(url) ?? [];
  const parameters = new URLSearchParams(query);
  const folder = parameters.get("host");
  if (folder?.startsWith("/") !== true) return undefined;
  const text = (part: string | undefined): string | undefined =>
    part === undefined || part === "" ? undefined : decodeURIComponent(part);
  const given = { user: text(user), password: text(password), database: text(database) };
  const known = Object.entries(given).filter(([, value]) => value !== undefined);
  return { path: `${folder}/.s.PGSQL.${parameters.get("port") ?? "5432"}`, ...Object.fromEntries(known) };
}
