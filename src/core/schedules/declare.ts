import type { SqlRow, SqlStatement } from "../executor.ts";
import { cells } from "../job.ts";
import { quoteLiteral, type TableNames } from "../sql/table-names.ts";
import type { ScheduleRow } from "./check-schedule.ts";

/** What a schedule is, without what has become of it. */
const COLUMNS = [
  "job_type",
  "payload",
  "cron",
  "time_zone",
  "missed",
  "overlap",
  "jitter_seconds",
  "tick_as",
  "priority",
  "max_attempts",
  "timeout_seconds",
] as const satisfies readonly (keyof ScheduleRow)[];

const of = (table: string): string => COLUMNS.map((column) => `${table}.${column}`).join(", ");

/** The second half of the advisory lock's key, whose first is the table's name; any number that is pqrun's alone. */
const DECLARING = 482_939_664;

/**
 * Writes the whole set of one owner: `$1` the schedules, a JSON list; `$2` the owner, or null for none, whose others
 * stay. Declared again it reads, and writes nothing. A row of somebody else's is not taken over, and named as `taken`.
 */
export function declareStatement(
  { schedules }: TableNames,
  rows: readonly ScheduleRow[],
  owner: string | null,
): SqlStatement {
  const text = `
WITH declared AS MATERIALIZED (
  -- One at a time: two versions remove and write the same rows in two orders, and would wait for each other's. What
  -- locks a row reads this relation first.
  SELECT x.* FROM jsonb_to_recordset((SELECT $1::text::jsonb FROM (SELECT pg_advisory_xact_lock(
         hashtext(${quoteLiteral(schedules)}), ${DECLARING})) one_at_a_time)) AS x(name text, job_type text, payload jsonb, cron text,
         time_zone text, missed text, overlap text, jitter_seconds int, tick_as text, priority int, max_attempts int,
         timeout_seconds int)
),
removed AS (
  DELETE FROM ${schedules} s
   WHERE s.declared_by = $2::text AND s.name <> ALL (ARRAY(SELECT name FROM declared))
  RETURNING s.name
),
written AS (
  INSERT INTO ${schedules} AS s (name, ${COLUMNS.join(", ")}, declared_by)
  SELECT d.name, ${of("d")}, $2::text FROM declared d
   WHERE NOT EXISTS (SELECT FROM ${schedules} o
                      WHERE o.name = d.name AND o.declared_by IS NOT DISTINCT FROM $2::text
                        AND (${of("o")}) IS NOT DISTINCT FROM (${of("d")}))
      ON CONFLICT (name) DO UPDATE SET ${COLUMNS.map((column) => `${column} = excluded.${column}`).join(", ")}
   WHERE s.declared_by IS NOT DISTINCT FROM excluded.declared_by
  RETURNING s.name
)
SELECT 'removed' AS kind, name FROM removed
 UNION ALL
SELECT 'written', name FROM written
 UNION ALL
SELECT 'taken', d.name FROM declared d
 WHERE EXISTS (SELECT FROM ${schedules} o WHERE o.name = d.name AND o.declared_by IS DISTINCT FROM $2::text)`;
  return { text, params: [JSON.stringify(rows), owner] };
}

/** The names of the schedules that were written and removed, and of those that somebody else has. */
export function readDeclared(
  rows: readonly SqlRow[],
): Readonly<Record<"written" | "removed" | "taken", readonly string[]>> {
  const table = rows.map(cells);
  const named = (wanted: string): readonly string[] =>
    table
      .filter(([kind]) => kind === wanted)
      .map(([, name]) => name ?? "")
      .sort();
  return { written: named("written"), removed: named("removed"), taken: named("taken") };
}
