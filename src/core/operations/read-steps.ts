import { NEVER_CACHED, cells, dateOf, dateOrNull, numberOrNull } from "../job.ts";
import { momentText } from "../sql/moment-text.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import type { TableNames } from "../sql/table-names.ts";
import { checkId } from "../values/job-id.ts";

/** A step that a job has remembered. */
export interface Step {
  readonly name: string;
  /** When it was remembered. */
  readonly at: Date;
  /** How long its work took, in milliseconds; null of a sleep, and of a step without work. */
  readonly durationMs: number | null;
  /** In which attempt, from 1. */
  readonly attempt: number;
  /** Of a sleep: when it ends. */
  readonly wakesAt: Date | null;
  /** What it returned, JSON text; null where that was nothing. */
  readonly valueText: string | null;
}

/** `$1` id of the job. */
export const stepsText = ({ steps }: TableNames): string => `${NEVER_CACHED}
SELECT s.name AS a, s.value::text AS b, s.duration_ms::text AS c, s.attempt::text AS d, ${momentText("s.created_at")} AS e,
       ${momentText("s.wakes_at")} AS f
  FROM ${steps} s
 WHERE s.job_id = $1::text::int8
 ORDER BY s.created_at, s.name`;

/**
 * The steps that a job has remembered, the oldest first: none of a job that is DONE, unless its contract keeps them.
 *
 * @throws InvalidInputError for what is no job's id.
 */
export async function stepsOf(
  { connection }: { readonly connection: Connection },
  id: string,
): Promise<readonly Step[]> {
  const statement = { text: stepsText(connection.names), params: [checkId("id", id)] };
  const rows = await send(connection, "steps", statement, { reads: true });
  return rows.map(cells).map(([name, value = null, duration, attempt, at, wakes]) => ({
    name: name ?? "",
    at: dateOf(at),
    durationMs: numberOrNull(duration),
    attempt: Number(attempt),
    wakesAt: dateOrNull(wakes),
    valueText: value,
  }));
}
