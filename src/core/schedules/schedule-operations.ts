import type { SqlRow, SqlStatement } from "../executor.ts";
import { momentText } from "../sql/moment-text.ts";
import { NEVER_CACHED, cells, dateOf, dateOrNull, isJobStatus, numberOrNull } from "../job.ts";
import type { JobStatus } from "../job.ts";
import { derivedName, quoteName } from "../sql/table-names.ts";
import type { TableNames } from "../sql/table-names.ts";

/** A schedule as it stands in the table. */
export interface Schedule {
  readonly name: string;
  readonly job: string;
  readonly payload: unknown;
  readonly cron: string;
  readonly timeZone: string;
  readonly missed: string;
  readonly overlap: string;
  readonly jitterSeconds: number;
  readonly tickAs: string | null;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly timeoutSeconds: number | null;
  readonly paused: boolean;
  /** Whose code declares it; null where it was made by hand. */
  readonly owner: string | null;
  /** Null while it is paused, or stopped by `lastError`. */
  readonly nextTick: Date | null;
  readonly lastTick: Date | null;
  readonly lastJobId: string | null;
  /** The state of that job; null where there is none, or it was deleted. */
  readonly lastJobStatus: JobStatus | null;
  /** What has stopped it. */
  readonly lastError: string | null;
}

/** All schedules by name. */
export function schedulesStatement({ schedules, jobs }: TableNames): SqlStatement {
  const text = `${NEVER_CACHED}
SELECT s.name AS a, s.job_type AS b, s.payload::text AS c, s.cron AS d, s.time_zone AS e, s.missed AS f, s.overlap AS g,
       s.jitter_seconds::text AS h, s.tick_as AS i, s.priority::text AS j, s.max_attempts::text AS k,
       s.timeout_seconds::text AS l, s.paused::text AS m, s.declared_by AS n, ${momentText("s.next_tick")} AS o,
       ${momentText("s.last_tick")} AS p, s.last_job_id::text AS q, j.status::text AS r, s.last_error AS s
  FROM ${schedules} s LEFT JOIN ${jobs} j ON j.id = s.last_job_id
 ORDER BY s.name`;
  return { text, params: [] };
}

/** Reads one row a schedule. */
export function readSchedules(rows: readonly SqlRow[]): readonly Schedule[] {
  return rows
    .map(cells)
    .map(([name, job, payload, cron, timeZone, missed, overlap, jitter, tickAs, ...rest]) => {
      const [
        priority,
        maxAttempts,
        timeout,
        paused,
        owner,
        nextTick,
        lastTick,
        lastJobId,
        status,
        lastError,
      ] = rest;
      return {
        name: name ?? "",
        job: job ?? "",
        payload: JSON.parse(payload ?? "null") as unknown,
        cron: cron ?? "",
        timeZone: timeZone ?? "",
        missed: missed ?? "",
        overlap: overlap ?? "",
        jitterSeconds: Number(jitter),
        tickAs: tickAs ?? null,
        priority: Number(priority),
        maxAttempts: Number(maxAttempts),
        timeoutSeconds: numberOrNull(timeout),
        paused: paused === "true",
        owner: owner ?? null,
        nextTick: dateOrNull(nextTick),
        lastTick: dateOrNull(lastTick),
        lastJobId: lastJobId ?? null,
        lastJobStatus: isJobStatus(status) ? status : null,
        lastError: lastError ?? null,
      };
    });
}

/** Deletes a schedule; the jobs that it has made stay. */
export function unscheduleStatement({ schedules }: TableNames, name: string): SqlStatement {
  return { text: `DELETE FROM ${schedules} s WHERE s.name = $1::text RETURNING s.name`, params: [name] };
}

/** Pauses a schedule or resumes it: then it begins anew, also where an error has stopped it. */
export function pauseStatement({ schedules }: TableNames, name: string, paused: boolean): SqlStatement {
  const text = `UPDATE ${schedules} s SET paused = $2::text::boolean WHERE s.name = $1::text RETURNING s.name`;
  return { text, params: [name, String(paused)] };
}

/** Makes a job of a schedule now, which is no tick: null where there is no such schedule, or its job is active and overlaps are skipped. */
export function runStatement({ schedules, jobs }: TableNames, name: string): SqlStatement {
  const text = `
WITH made AS (
  INSERT INTO ${jobs} (job_type, payload, priority, max_attempts, timeout_seconds, dedupe_key, schedule)
  SELECT s.job_type,
         CASE WHEN s.tick_as IS NULL THEN s.payload
              ELSE s.payload || jsonb_build_object(s.tick_as, to_char(now() AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')) END,
         s.priority, s.max_attempts, s.timeout_seconds, CASE WHEN s.overlap = 'skip' THEN 'schedule:' || s.name END, s.name
    FROM ${schedules} s WHERE s.name = $1::text
  ON CONFLICT DO NOTHING
  RETURNING id
)
SELECT EXISTS (SELECT FROM ${schedules} s WHERE s.name = $1::text)::text AS known, (SELECT id::text FROM made) AS id`;
  return { text, params: [name] };
}

/** The ticks of an expression from now on, or after a moment: `jobs_cron_ticks`. */
export function nextTicksStatement(
  { schema, table }: TableNames,
  cron: string,
  {
    timeZone,
    after,
    count,
  }: { readonly timeZone: string; readonly after: Date | undefined; readonly count: number },
): SqlStatement {
  const name = `${quoteName(schema)}.${quoteName(derivedName(table, "cron_ticks"))}`;
  const text = `${NEVER_CACHED}
SELECT ${momentText("t")} AS tick
  FROM ${name}($1::text, $2::text, coalesce($3::text::timestamptz, now()), 'infinity', $4::text::int4) t ORDER BY t`;
  return { text, params: [cron, timeZone, after?.toISOString() ?? null, String(count)] };
}

/** Reads one row a tick. */
export function readNextTicks(rows: readonly SqlRow[]): readonly Date[] {
  return rows.map((row) => dateOf(cells(row)[0]));
}
