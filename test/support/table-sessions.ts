import { Client } from "pg";

import type { SqlExecutor } from "../../src/core/executor.ts";
import { executor } from "../../src/core/make-executor.ts";
import type { TableDatabase } from "./table-database.ts";

/** One connection of its own, closed when disposed of. */
export interface Session extends AsyncDisposable {
  readonly client: Client;
  readonly pid: number;
  readonly executor: SqlExecutor;
  rows(text: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
}

export async function session(url: string): Promise<Session> {
  const client = new Client({ connectionString: url });
  client.on("error", () => undefined); // Some tests end the session from outside.
  await client.connect();
  const rows: Session["rows"] = async (text, params = []) =>
    (await client.query<Record<string, unknown>>(text, [...params])).rows;
  const [own] = await rows("SELECT pg_backend_pid() AS pid");
  return {
    client,
    pid: Number(own?.["pid"]),
    executor: executor({ query: (text, params) => rows(text, params) }),
    rows,
    [Symbol.asyncDispose]: () => client.end(),
  };
}

/** Resolves once the server says that `pid` waits for a lock. */
export async function waitsForLock(database: TableDatabase, pid: number): Promise<void> {
  for (;;) {
    const [row] = await database.rows(
      "SELECT count(*)::int AS waiting FROM pg_stat_activity WHERE pid = $1 AND wait_event_type = 'Lock'",
      [pid],
    );
    if (row?.["waiting"] === 1) return;
  }
}
