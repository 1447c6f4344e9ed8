import type { SqlRow, SqlStatement } from "../executor.ts";
import { NEVER_CACHED, cells, dateOf, numberOrNull } from "../job.ts";
import type { Cells } from "../job.ts";
import { momentText } from "../sql/moment-text.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import type { TableNames } from "../sql/table-names.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkOptions } from "../values/known-options.ts";

/** How far back a history goes, and how much it looks at. */
export interface HistoryOptions {
  /** 1 to 1,440. @default 60 */
  readonly minutes?: number | undefined;
  /** The most jobs that are looked at, 100 to 20,000: each thousand takes the server some 3 ms, and more of them go further back. @default 10,000 */
  readonly sample?: number | undefined;
  /** Only jobs of this type, of those that are looked at. @default every type */
  readonly type?: string | undefined;
}

const HISTORY_OPTIONS = { minutes: true, sample: true, type: true } as const satisfies Record<
  keyof HistoryOptions,
  true
>;

/** What happened in one minute. */
export interface HistoryMinute {
  /** Its beginning. */
  readonly at: Date;
  /** Jobs enqueued; null where there were more since then than are looked at. */
  readonly enqueued: number | null;
  readonly done: number;
  readonly failed: number;
  readonly cancelled: number;
  /** How long the last attempt ran, of jobs that were DONE or FAILED then; null where there was none. */
  readonly durationP50Ms: number | null;
  readonly durationP95Ms: number | null;
  /** How long they had been due when that attempt began. */
  readonly waitP50Ms: number | null;
  readonly waitP95Ms: number | null;
  /**
   * READY and RUNNING jobs at its end: those of now, less what was enqueued since then, and what finished added. Null
   * where it is not known what was enqueued.
   */
  readonly depth: number | null;
}

/** The last minutes, as far as the jobs that were looked at tell. */
export interface History {
  /** From here on the figures have all, or nearly all, that finished. */
  readonly since: Date;
  /** Now, by the database's clock. */
  readonly until: Date;
  /** Whether `since` is the beginning of the minutes that were asked for. */
  readonly complete: boolean;
  /** How many jobs were looked at. */
  readonly sampled: number;
  /** Whether the level of `depth` is a lower bound, since more jobs wait than are counted; what it changes by is right. */
  readonly depthAtLeast: boolean;
  /** The oldest first, without a gap: the first has `since` in it, and the last is not over. */
  readonly minutes: readonly HistoryMinute[];
}

/** How many READY and RUNNING jobs are counted for the depth. */
const MOST_COUNTED = 10_000;
/** In how many types it is looked for what is worked off. */
const MOST_TYPES = 20;

/**
 * `$1` minutes, `$2` the most jobs, `$3` type or null.
 *
 * No index has the time of finishing: one would cost each job a twentieth more (see `prune.ts`). But what has finished of
 * late stands, by id, near the newest jobs; or, where a backlog is worked off, just below those that run, or wait to run
 * next. These are the `fronts`, each looked at from there downwards; one whose neighbours finished long ago, such as a job
 * that is retried after a day, is none. The newest jobs are half of what is looked at, and all of it where there is no
 * other front.
 *
 * What has been looked at to its limit tells since when: but for one in twenty that went ahead of its turn, jobs with
 * lower ids finished earlier.
 */
export const historyText = ({ jobs }: TableNames): string => {
  const type = "($3::text IS NULL OR j.job_type = $3::text)";
  const next = (more: string): string => `SELECT j.job_type FROM ${jobs} j
      WHERE j.status = 'READY' AND ${more} ORDER BY j.job_type, j.priority DESC, j.run_after, j.id LIMIT 1`;
  const minute = (moment: string): string => `floor(date_part('epoch', ${moment}) / 60)`;
  const begins = `to_timestamp(60 * (${minute("now()")} - $1::text::int4 + 1))`;
  const running = (direction: string): string =>
    `(SELECT j.id FROM ${jobs} j WHERE j.status = 'RUNNING' ORDER BY j.id ${direction} LIMIT 50)`;
  const ready = (which: string): string => `(SELECT j.id FROM ${jobs} j WHERE j.status = 'READY' AND ${which}
         ORDER BY j.job_type, j.priority DESC, j.run_after, j.id LIMIT ${MOST_COUNTED})`;
  const wait = "greatest(0, 1000 * date_part('epoch', l.finished_at - l.run_after) - l.duration_ms)";
  const ran = "l.status IN ('DONE', 'FAILED') AND l.duration_ms IS NOT NULL";
  const halves = (of: string, nth: number): string =>
    `round((percentile_disc(ARRAY[0.5, 0.95]) WITHIN GROUP (ORDER BY ${of}) FILTER (WHERE ${ran}))[${nth}])::int8::text`;
  return `${NEVER_CACHED}
WITH RECURSIVE newest AS MATERIALIZED (SELECT j.id FROM ${jobs} j ORDER BY j.id DESC LIMIT 1),
types (type, n) AS (
  SELECT * FROM (SELECT (${next("true")}), 1) f
   UNION ALL
  SELECT (${next("j.job_type > t.type")}), t.n + 1 FROM types t WHERE t.type IS NOT NULL AND t.n < ${MOST_TYPES}),
near AS MATERIALIZED (
  SELECT c.id FROM (
    SELECT c.id, lag(c.id) OVER (ORDER BY c.id DESC) - c.id AS behind FROM (
      SELECT n.id FROM newest n
       UNION ALL SELECT * FROM ${running("DESC")} r UNION ALL SELECT * FROM ${running("ASC")} r
       UNION ALL
      SELECT f.id FROM types t CROSS JOIN LATERAL (
        SELECT j.id FROM ${jobs} j WHERE j.status = 'READY' AND j.job_type BETWEEN t.type AND t.type
         ORDER BY j.job_type, j.priority DESC, j.run_after, j.id LIMIT 1) f) c) c
   WHERE c.behind > $2::text::int4 / 4),
others AS MATERIALIZED (
  SELECT c.id FROM near c
   WHERE EXISTS (SELECT FROM (SELECT j.finished_at FROM ${jobs} j WHERE j.id <= c.id ORDER BY j.id DESC LIMIT 100) l
                  WHERE l.finished_at >= ${begins})
   ORDER BY c.id DESC LIMIT 3),
fronts AS MATERIALIZED (
  SELECT f.id, f.is_newest, coalesce(lead(f.id) OVER (ORDER BY f.id DESC), -9223372036854775808) AS until,
         CASE WHEN f.others = 0 THEN $2::text::int4 WHEN f.is_newest THEN $2::text::int4 / 2 ELSE $2::text::int4 / 2 / f.others END AS most
    FROM (SELECT n.id, true AS is_newest, (SELECT count(*) FROM others)::int4 AS others FROM newest n
           UNION ALL SELECT o.id, false, (SELECT count(*) FROM others)::int4 FROM others o) f),
looked AS MATERIALIZED (
  SELECT f.id AS front, l.*
    FROM fronts f CROSS JOIN LATERAL (
      SELECT j.id, ${type} AS matches, j.status, j.created_at, j.run_after, j.finished_at, j.duration_ms
        FROM ${jobs} j WHERE j.id <= f.id AND j.id > f.until ORDER BY j.id DESC LIMIT f.most) l),
parts AS MATERIALIZED (
  SELECT f.is_newest, l.* FROM fronts f CROSS JOIN LATERAL (
    SELECT count(*) AS n, count(*) >= f.most AS is_cut, min(l.id) AS first_id,
           percentile_disc(0.05) WITHIN GROUP (ORDER BY l.finished_at) FILTER (WHERE l.finished_at IS NOT NULL) AS since
      FROM looked l WHERE l.front = f.id) l),
span AS MATERIALIZED (
  SELECT least(now(), greatest(${begins}, coalesce((SELECT max(p.since) FROM parts p WHERE p.is_cut), a.since))) AS since, a.since AS arrivals_since
    FROM (SELECT (SELECT j.created_at FROM ${jobs} j WHERE j.id = (SELECT p.first_id FROM parts p WHERE p.is_cut AND p.is_newest)) AS since) a),
matching AS NOT MATERIALIZED (SELECT j.* FROM looked j WHERE j.matches)
SELECT 'span' AS a, ${momentText("now()")} AS b, ${momentText("s.since")} AS c, ${momentText("s.arrivals_since")} AS d,
       (s.since = ${begins})::text AS e, (SELECT sum(n) FROM parts)::text AS f,
       (SELECT count(*) FROM (${ready("$3::text IS NULL")} UNION ALL ${ready("j.job_type = $3::text")}) r)::text AS g,
       (SELECT count(*) FROM (SELECT j.job_type FROM ${jobs} j WHERE j.status = 'RUNNING' ORDER BY j.id LIMIT ${MOST_COUNTED}) j WHERE ${type})::text AS h, NULL AS i, NULL AS j
  FROM span s
 UNION ALL
SELECT 'enqueued', ${minute("l.created_at")}::int8::text, count(*)::text, NULL, NULL, NULL, NULL, NULL, NULL, NULL
  FROM matching l WHERE l.created_at >= (SELECT ${begins}) GROUP BY ${minute("l.created_at")}::int8
 UNION ALL
SELECT 'finished', ${minute("l.finished_at")}::int8::text, (count(*) FILTER (WHERE l.status = 'DONE'))::text,
       (count(*) FILTER (WHERE l.status = 'FAILED'))::text, (count(*) FILTER (WHERE l.status = 'CANCELLED'))::text,
       ${halves("l.duration_ms", 1)}, ${halves("l.duration_ms", 2)}, ${halves(wait, 1)}, ${halves(wait, 2)}, count(*)::text
  FROM matching l WHERE l.finished_at >= (SELECT ${begins}) AND l.finished_at <= now() GROUP BY ${minute("l.finished_at")}::int8`;
};

/** @throws InvalidInputError naming the option. */
export function historyStatement(names: TableNames, options: HistoryOptions): SqlStatement {
  checkOptions(options, HISTORY_OPTIONS);
  const { minutes = 60, sample = 10_000, type = null } = options;
  checkWhole("minutes", minutes, 1, 1_440);
  checkWhole("sample", sample, 100, 20_000);
  return { text: historyText(names), params: [String(minutes), String(sample), type] };
}

/** Reads one row for the span, and of each minute two where something happened. */
export function readHistory(rows: readonly SqlRow[]): History {
  const read = rows.map(cells);
  const [, now, from, arrivals, complete, sampled, ready = 0, running = 0] = read.find(isSpan) ?? [];
  const [until, since] = [dateOf(now), dateOf(from)];
  const enqueued = new Map(read.filter(([kind]) => kind === "enqueued").map(([, at, n]) => [at, Number(n)]));
  const finished = new Map(read.filter(([kind]) => kind === "finished").map((row) => [row[1], row]));
  const known = arrivals ? dateOf(arrivals).getTime() : 0;
  const minutes: HistoryMinute[] = [];
  let depth = Number(ready) + Number(running);
  for (let minute = minuteOf(until); minute >= minuteOf(since); minute -= 1) {
    const came = enqueued.get(String(minute)) ?? 0;
    const [, , done, failed, cancelled, p50, p95, wait50, wait95, ended] = finished.get(String(minute)) ?? [];
    minutes.push({
      at: new Date(minute * MINUTE_MS),
      enqueued: minute * MINUTE_MS >= known ? came : null,
      done: Number(done ?? 0),
      failed: Number(failed ?? 0),
      cancelled: Number(cancelled ?? 0),
      durationP50Ms: numberOrNull(p50),
      durationP95Ms: numberOrNull(p95),
      waitP50Ms: numberOrNull(wait50),
      waitP95Ms: numberOrNull(wait95),
      // At the end of the minute in which that begins it is still known.
      depth: (minute + 1) * MINUTE_MS > known ? depth : null,
    });
    depth = Math.max(0, depth - came + Number(ended ?? 0));
  }
  return {
    since,
    until,
    complete: complete === "true",
    sampled: Number(sampled),
    depthAtLeast: Number(ready) >= MOST_COUNTED || Number(running) >= MOST_COUNTED,
    minutes: minutes.reverse(),
  };
}

const MINUTE_MS = 60_000;

function minuteOf(moment: Date): number {
  return Math.floor(moment.getTime() / MINUTE_MS);
}

function isSpan([kind]: Cells): boolean {
  return kind === "span";
}

/**
 * What was enqueued, done and failed in the last minutes, how long it took and had waited, and how many jobs were in the
 * queue. No record is kept for it: it is what the rows of the newest jobs tell, and `since` says how far back they reach.
 * So a job that was deleted is in no figure, and a retried one counts as it ended last.
 *
 * @throws InvalidInputError naming the option.
 */
export async function history(
  { connection }: { readonly connection: Connection },
  options: HistoryOptions = {},
): Promise<History> {
  const statement = historyStatement(connection.names, options);
  return readHistory(await send(connection, "history", statement, { reads: true }));
}
