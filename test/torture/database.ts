/** The table under test, and the trigger that audits it: the second source beside the ledger. */
import { pgExecutor } from "../../src/adapters/pg.ts";
import { migrate } from "../../src/cli/migrate.ts";
import { testPool } from "../support/pool.ts";
import { withClient } from "../support/postgres.ts";
import type { Accountant, Transition } from "./account.ts";

const AUDIT = `
CREATE TABLE public.torture_effects (job_id int8 NOT NULL, fence text NOT NULL);
CREATE INDEX ON public.torture_effects (job_id);
CREATE TABLE public.torture_audit (
  n bigserial PRIMARY KEY, job_id int8 NOT NULL, old_status text, new_status text, old_attempts int, new_attempts int,
  old_locked_by text, new_locked_by text, writer text);
CREATE FUNCTION public.torture_note() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  INSERT INTO public.torture_audit
    (job_id, old_status, new_status, old_attempts, new_attempts, old_locked_by, new_locked_by, writer)
  VALUES (old.id, old.status, new.status, old.attempts, new.attempts, old.locked_by, new.locked_by,
    CASE WHEN new.result IS DISTINCT FROM old.result THEN new.result ->> 'fence'
         WHEN new.last_error IS DISTINCT FROM old.last_error
         THEN (regexp_match(new.last_error, 'fence=([^=]*)='))[1] END);
  RETURN NULL;
END $$;
CREATE TRIGGER torture_note AFTER UPDATE ON public.jobs FOR EACH ROW
  WHEN (old.status IS DISTINCT FROM new.status OR old.attempts IS DISTINCT FROM new.attempts
     OR old.locked_by IS DISTINCT FROM new.locked_by OR old.status IN ('DONE', 'FAILED', 'CANCELLED'))
  EXECUTE FUNCTION public.torture_note();`;

/** Makes the table and its audit. */
export async function prepareDatabase(url: string): Promise<void> {
  const pool = testPool(url, { max: 2 });
  try {
    await migrate(pgExecutor(pool));
    await pool.query(AUDIT);
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

interface AccountRow {
  readonly id: string;
  readonly marker: string | null;
  readonly kind: string;
  readonly status: string;
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly effects: number;
  readonly transitions: readonly Transition[] | null;
}

const PAGE = 5_000;
const ROWS = `
SELECT j.id::text AS id, j.payload ->> 'm' AS marker, j.job_type AS kind, j.status::text AS status, j.attempts,
       j.max_attempts AS "maxAttempts",
       (SELECT count(*)::int4 FROM public.torture_effects e WHERE e.job_id = j.id) AS effects,
       (SELECT json_agg(json_build_object('oldStatus', a.old_status, 'newStatus', a.new_status,
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
