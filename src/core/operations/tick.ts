import type { SqlRow, SqlStatement } from "../executor.ts";
import { cells, dateOf } from "../job.ts";
import { momentText } from "../sql/moment-text.ts";
import type { TableNames } from "../sql/table-names.ts";

/** One tick of a schedule that was due. */
export interface Tick {
  readonly schedule: string;
  /** The moment that the tick stands for, however late it came. */
  readonly at: Date;
  /** The job that it made; null where it made none, since an earlier one was active or it was missed by too much. */
  readonly jobId: string | null;
  /** What has stopped the schedule, or null. */
  readonly problem: string | null;
}

/** Makes the jobs of at most 100 schedules whose tick is due: each tick once, however many call it at once. */
export function tickStatement({ tick }: TableNames): SqlStatement {
  const text = `SELECT t.schedule AS a, ${momentText("t.tick")} AS b, t.job_id::text AS c, t.problem AS d FROM ${tick}() t`;
  return { text, params: [] };
}

/** Reads one row a tick. */
export function readTicks(rows: readonly SqlRow[]): readonly Tick[] {
  return rows.map(cells).map(([schedule, at, jobId, problem]) => ({
    schedule: schedule ?? "",
    at: dateOf(at),
    jobId: jobId ?? null,
    problem: problem ?? null,
  }));
}
