import type { SqlExecutor, SqlRow } from "../core/executor.ts";
import { cells } from "../core/job.ts";
import { quoteName } from "../core/sql/table-names.ts";
import type { TableNames } from "../core/sql/table-names.ts";

/**
 * The tables of a queue's schema with their columns of times. Found, not listed: whatever has a table of its own beside
 * the jobs (limits, steps) is moved with them. A schedule's ticks are of the calendar, and stay where it has them.
 */
const TIMES = `
SELECT c.relname::text AS name, string_agg(a.attname::text, chr(1) ORDER BY a.attnum) AS columns
  FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid
 WHERE c.relnamespace = (SELECT oid FROM pg_namespace WHERE nspname = $1::text) AND c.relkind = 'r'
   AND a.attnum > 0 AND NOT a.attisdropped AND a.attgenerated = ''
   AND a.atttypid = 'timestamptz'::regtype AND a.attname <> 'scheduled_for'
 GROUP BY c.relname ORDER BY c.relname`;

/** What passes for a queue as time goes by, without waiting for it: the database's clock decides, so its rows move. */
export class MovedTime {
  readonly #executor: SqlExecutor;
  readonly #names: TableNames;
  /** How far in all, in milliseconds: schedules are asked for what is due then. */
  #movedMs = 0;

  constructor(executor: SqlExecutor, names: TableNames) {
    this.#executor = executor;
    this.#names = names;
  }

  /** As if so much time had passed: what waits is due so much earlier, leases end, and schedules make their jobs. */
  async advance(ms: number): Promise<void> {
    const { jobs, tick, schema, waiting, schedules, channel } = this.#names;
    const own = [waiting, schedules];
    for (const row of await this.#executor.query(TIMES, [schema])) {
      const [name = "", columns = ""] = cells(row).map(String);
      const table = `${quoteName(schema)}.${quoteName(name)}`;
      if (own.includes(table)) continue;
      await this.#executor.query(movedBack(table, columns.split("\u0001")), [interval(ms)]);
    }
    this.#movedMs += ms;
    // Made as of the calendar's moment, and due as the others are.
    const rows = await this.#executor.query(
      `SELECT job_id::text AS id FROM ${tick}(1000, now() + $1::text::interval) WHERE job_id IS NOT NULL`,
      [interval(this.#movedMs)],
    );
    const ids = rows.map((row) => cells(row)[0]);
    if (ids.length > 0)
      await this.#executor.query(
        `UPDATE ${jobs} SET run_after = run_after - $1::text::interval
          WHERE id IN (SELECT id::int8 FROM jsonb_array_elements_text($2::text::jsonb) id)`,
        [interval(this.#movedMs), JSON.stringify(ids)],
      );
    // A worker that waits looks again at whatever there is.
    await this.#executor.query("SELECT pg_notify($1::text, '')::text", [channel]);
  }

  /** Where nothing of these types is due, moves what waits so that the first of it is. @returns whether something waited */
  async untilNextDue(types: readonly string[]): Promise<boolean> {
    const { jobs } = this.#names;
    const moved: readonly SqlRow[] = await this.#executor.query(
      `WITH mine AS (
         SELECT id, run_after FROM ${jobs}
          WHERE status = 'READY' AND run_after < 'infinity'
            AND job_type IN (SELECT jsonb_array_elements_text($1::text::jsonb)))
       UPDATE ${jobs} j SET run_after = j.run_after - next.wait
         FROM mine, (SELECT min(run_after) - now() AS wait FROM mine) next
        WHERE j.id = mine.id AND next.wait > interval '0'
       RETURNING j.id::text`,
      [JSON.stringify(types)],
    );
    return moved.length > 0;
  }
}

function movedBack(table: string, columns: readonly string[]): string {
  const set = columns.map((name) => `${quoteName(name)} = ${quoteName(name)} - $1::text::interval`);
  return `UPDATE ${table} SET ${set.join(", ")}`;
}

function interval(ms: number): string {
  return `${ms} milliseconds`;
}
