/** The table under test, through a session that nobody cuts. */
import { randomUUID } from "node:crypto";

import type { Client } from "pg";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { migrate } from "../../../src/migrate/migrate.ts";
import type { PickedUpJob } from "../../../src/core/job.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { CUT_NAME } from "./drivers.ts";

const SUMMARY = `
SELECT concat_ws(' ', job_type, status, attempts, 'released=' || nullif(released, 0)::text,
         CASE WHEN lease_expires_at > now() + interval '30 s' THEN 'leased'
              WHEN lease_expires_at IS NOT NULL THEN 'short lease' END,
         CASE WHEN status = 'READY' AND run_after > now() + interval '30 s' THEN 'later' END,
         'key=' || dedupe_key, 'result=' || result::text,
         'error' || CASE WHEN length(last_error) = 1 THEN '=' || last_error ELSE left(last_error, 0) END) AS text
  FROM jobs ORDER BY id`;

/** What a trial does to the table, and sees in it. */
export class Table {
  readonly store: PgJobStore;
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
    this.store = new PgJobStore(pgExecutor(client));
  }

  static async open(client: Client): Promise<Table> {
    await migrate(pgExecutor(client));
    return new Table(client);
  }

  async empty(): Promise<void> {
    await this.#client.query("DELETE FROM jobs");
  }

  /** Inserts a due job of type `a`. */
  async insert(): Promise<string> {
    return (await this.store.enqueue("a", {})).id;
  }

  /** A job that is picked up. */
  async running({ leaseMs = 60_000 } = {}): Promise<PickedUpJob> {
    await this.insert();
    const pickUp = { types: ["a"], slots: 1, lockedBy: `holder:${randomUUID()}`, leaseMs };
    const [job] = (await this.store.turn({ pickUp })).jobs;
    if (job === undefined) throw new Error("nothing was picked up");
    return job;
  }

  /** A job whose worker is dead, its lease over. */
  async lost(): Promise<void> {
    await this.#client.query(
      `INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, lease_holder, lease_expires_at)
       VALUES ('lost', 'RUNNING', 1, now(), 'dead', 'dead', now() - interval '1 s')`,
    );
  }

  /** Each row in a few words. */
  async summary(): Promise<readonly string[]> {
    return (await this.#client.query<{ text: string }>(SUMMARY)).rows.map(({ text }) => text);
  }

  /** All of the table that a write would change. */
  async image(): Promise<string> {
    const { rows } = await this.#client.query<{ image: string | null }>(
      "SELECT string_agg(j::text || j.ctid || j.xmin, ' ' ORDER BY id) AS image FROM jobs j",
    );
    return rows[0]?.image ?? "";
  }

  /** How many sessions the driver under test has. */
  async sessions(): Promise<number> {
    const { rows } = await this.#client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE datname = current_database() AND application_name = $1`,
      [CUT_NAME],
    );
    return rows[0]?.n ?? 0;
  }
}
