/** The table under test, and what the accounts read of it. */
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { testPool } from "../support/pool.ts";
import { withClient } from "../support/postgres.ts";
import type { Accountant, FinalRow, Transition } from "./account.ts";
import type { Condition } from "./conditions.ts";
import type { LedgerView } from "./ledger-view.ts";
import { SCHEDULES } from "./schedules.ts";
import { FALLING_IDS, TRIGGERS } from "./triggers.ts";

/** Makes the table, its audit, and what is in the way. */
export async function prepareDatabase(url: string, without: readonly Condition[]): Promise<void> {
  const pool = testPool(url, { max: 2 });
  try {
    await migrate(pgExecutor(pool));
    await pool.query(TRIGGERS);
    if (!without.includes("fallingIds")) await pool.query(FALLING_IDS);
    if (!without.includes("schedules")) await pool.query(SCHEDULES);
  } finally {
    await pool.end();
  }
}

/** How many rows there are, and how many of them are not terminal. */
export async function progress(url: string): Promise<{ readonly rows: number; readonly open: number }> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ rows: number; open: number }>(
      `SELECT count(*)::int4 AS rows,
              (count(*) FILTER (WHERE status IN ('READY', 'RUNNING')))::int4 AS open FROM public.jobs`,
    );
    return rows[0] ?? { rows: 0, open: 0 };
  });
}

interface AccountRow extends FinalRow {
  readonly transitions: readonly Transition[] | null;
}

const PAGE = 5_000;
const ROWS = `
SELECT j.id::text AS id, j.payload ->> 'm' AS marker, coalesce(j.payload ->> 'deny', j.job_type) AS kind,
       j.status::text AS status, j.attempts, j.max_attempts AS "maxAttempts", j.dedupe_key AS "dedupeKey", j.schedule,
       (SELECT count(*)::int4 FROM public.torture_effects e WHERE e.job_id = j.id) AS effects,
       (SELECT json_agg(json_build_object('at', a.at, 'oldStatus', a.old_status, 'newStatus', a.new_status,
                 'oldAttempts', a.old_attempts, 'newAttempts', a.new_attempts, 'oldLockedBy', a.old_locked_by,
                 'newLockedBy', a.new_locked_by, 'writer', a.writer) ORDER BY a.n)
          FROM public.torture_audit a WHERE a.job_id = j.id) AS transitions
  FROM public.jobs j WHERE j.id > $1::int8 ORDER BY j.id LIMIT ${String(PAGE)}`;

/** Gives the accountant every row, page by page. */
export async function accountRows(url: string, accountant: Accountant): Promise<void> {
  await withClient(url, async (client) => {
    await client.query("CREATE INDEX ON public.torture_audit (job_id, n)");
    await client.query("ANALYZE public.torture_audit");
    for (let after = "0"; ;) {
      const { rows } = await client.query<AccountRow>(ROWS, [after]);
      for (const { transitions, ...row } of rows) accountant.row(row, transitions ?? []);
      const last = rows.at(-1);
      if (last === undefined) return;
      after = last.id;
    }
  });
}

/** How often triggers were in the way. */
export interface InTheWay {
  readonly skipped: number;
  readonly refused: number;
}

/** What the application's triggers have seen; what was altered goes into the ledger's view. */
export async function readTriggers(url: string, ledger: LedgerView): Promise<InTheWay> {
  return withClient(url, async (client) => {
    const { rows } = await client.query<{ id: string; why: string }>(
      "SELECT job_id::text AS id, why FROM public.torture_altered ORDER BY job_id",
    );
    for (const { id, why } of rows) ledger.found.push({ account: "altered", id, why: `stored ${why}` });
    const counts = await client.query<InTheWay>(`
      SELECT (SELECT last_value::int4 - 1 + is_called::int FROM public.torture_skipped) AS skipped,
             (SELECT last_value::int4 - 1 + is_called::int FROM public.torture_refused) AS refused`);
    return counts.rows[0] ?? { skipped: 0, refused: 0 };
  });
}
