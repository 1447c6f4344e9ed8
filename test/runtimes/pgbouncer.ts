import { execFileSync } from "node:child_process";
import { chmodSync, chownSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { inject } from "vitest";

import { freePort, isRoot, NOBODY, startServer, type ServerProcess } from "../support/server-process.ts";

/** A PgBouncer in transaction mode before the tests' server. */
export interface Pooler {
  /** The same database through the pooler. */
  through(databaseUrl: string): string;
  /** Its own console, which takes SHOW. */
  readonly consoleUrl: string;
  /** Kills it and starts it again, on the same port. */
  restart(): Promise<void>;
  stop(): Promise<void>;
}

/** As the program tells it. */
export function pgbouncerVersion(program: string): string {
  const said = execFileSync(program, ["--version"], { encoding: "utf8" });
  return /PgBouncer (\S+)/.exec(said)?.[1] ?? "of an unknown version";
}

/** Starts it with that many sessions a database. */
export async function startPgBouncer(program: string, poolSize: number): Promise<Pooler> {
  const folder = mkdtempSync(join(tmpdir(), "pqrun-pgbouncer-"));
  try {
    chmodSync(folder, 0o755);
    const ini = join(folder, "pgbouncer.ini");
    const port = await freePort();
    writeFileSync(ini, configuration(port, poolSize), { mode: 0o600 });
    if (isRoot) chownSync(ini, NOBODY, NOBODY);
    // At SIGINT it would wait for its clients.
    const start = (): Promise<ServerProcess> =>
      startServer(program, [ini], { cwd: folder, ready: "process up", stop: "SIGTERM" });
    let server = await start();
    const url = (path: string): string => `postgres://pqrun@127.0.0.1:${port}${path}`;
    return {
      through: (databaseUrl) => url(new URL(databaseUrl).pathname),
      consoleUrl: url("/pgbouncer"),
      restart: async () => {
        await server.kill();
        server = await start();
      },
      stop: async () => {
        await server.stop();
        rmSync(folder, { recursive: true });
      },
    };
  } catch (error) {
    rmSync(folder, { recursive: true, force: true });
    throw error;
  }
}

function configuration(port: number, poolSize: number): string {
  const { hostname, port: serverPort, username, password } = new URL(inject("databaseUrl"));
  const server = {
    host: hostname.replace(/^\[|\]$/g, ""),
    port: serverPort || "5432",
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
  };
  const settings = {
    listen_addr: "127.0.0.1",
    listen_port: port,
    unix_socket_dir: "",
    // Whoever comes is the server's user.
    auth_type: "any",
    pool_mode: "transaction",
    default_pool_size: poolSize,
    max_client_conn: 200,
    // The next statement goes to another session, where by default it would mostly find the last one.
    server_round_robin: 1,
    server_tls_sslmode: "prefer",
    // A server that refuses once is asked again soon.
    server_login_retry: 1,
    log_connections: 0,
    log_disconnections: 0,
  };
  const quoted = Object.entries(server).map(([name, value]) => `${name}='${value.replaceAll("'", "''")}'`);
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}`);
  return ["[databases]", `* = ${quoted.join(" ")}`, "[pgbouncer]", ...lines, ""].join("\n");
}
