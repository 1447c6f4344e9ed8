import { setTimeout as sleep } from "node:timers/promises";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { crashablePostgres, type CrashableServer } from "./crashable-postgres.ts";
import type { PostgresSettings } from "./postgres-embedded.ts";
import { withClient } from "./postgres.ts";

/** A server of the test's own with the queue's table, which keeps what it has acknowledged through a kill. */
export async function migratedServer(settings: PostgresSettings = {}): Promise<CrashableServer> {
  const server = await crashablePostgres(settings);
  await withClient(server.url, (client) => migrate(pgExecutor(client)));
  return server;
}

/** Kills one backend: the postmaster ends all sessions and recovers. Resolves once it accepts connections again. */
export async function killBackend({ url }: CrashableServer): Promise<void> {
  await withClient(url, async (client) => {
    client.on("error", () => undefined);
    const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
    const ended = new Promise((resolve) => client.once("end", resolve));
    process.kill(rows[0]?.pid ?? 0, "SIGKILL");
    await ended;
  });
  while (!(await accepts(url))) await sleep(5);
}

/** Kills the postmaster and starts it again. */
export async function killServer(server: CrashableServer): Promise<void> {
  await server.kill();
  await server.start();
}

async function accepts(url: string): Promise<boolean> {
  try {
    await withClient(url, (client) => client.query("SELECT"));
    return true;
  } catch {
    return false;
  }
}
