import type { SqlRow, SqlStatement } from "../executor.ts";
import { NEVER_CACHED, cells, dateOrNull } from "../job.ts";
import { MOST_TYPES, each } from "../sql/matching-jobs.ts";
import { momentText } from "../sql/moment-text.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import { LOOK } from "../sql/small-indexes.ts";
import type { TableNames } from "../sql/table-names.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkOptions } from "../values/known-options.ts";

/** Which failures to group. */
export interface FailuresOptions {
  /** @default every type */
  readonly types?: readonly string[] | undefined;
  /** The most groups, 1 to 1,000. @default 100 */
  readonly limit?: number | undefined;
}

const FAILURES_OPTIONS = { types: true, limit: true } as const satisfies Record<keyof FailuresOptions, true>;

/** FAILED jobs of one type whose errors begin alike. */
export interface FailureGroup {
  readonly type: string;
  /** The error's first line, at most 300 characters of it. */
  readonly error: string;
  readonly count: number;
  readonly lastAt: Date | null;
  /** The newest of them. */
  readonly lastId: string;
}

/** FAILED jobs by type and first line of their error. */
export interface Failures {
  /** The largest first. */
  readonly groups: readonly FailureGroup[];
  /** How many FAILED jobs were looked at, the newest of each type: some 2,000 at most, shared out among the types. */
  readonly looked: number;
  /** Whether these were all. */
  readonly complete: boolean;
}

/** `$1` types, a JSON list or null, `$2` limit. */
export const failuresText = ({ jobs }: TableNames): string => {
  const first = (more: string): string => `SELECT j.job_type FROM ${jobs} j
      WHERE j.status = 'FAILED' AND ${more} ORDER BY j.job_type, j.id LIMIT 1`;
  return `${NEVER_CACHED}
WITH RECURSIVE found_types (type, n) AS (
  SELECT * FROM (SELECT (${first("$1::text IS NULL")}), 1) f
   UNION ALL
  SELECT (${first("j.job_type > f.type")}), f.n + 1 FROM found_types f WHERE f.type IS NOT NULL AND f.n <= ${MOST_TYPES}),
types AS MATERIALIZED (SELECT type FROM found_types WHERE type IS NOT NULL UNION SELECT unnest(${each("$1")})),
share AS MATERIALIZED (SELECT greatest(1, ${LOOK} / greatest(1, count(*))) AS n, count(*) > ${MOST_TYPES} AS more FROM types),
looked AS MATERIALIZED (
  SELECT t.type, l.* FROM (SELECT type FROM types ORDER BY type LIMIT ${LOOK}) t CROSS JOIN LATERAL (
    SELECT j.id, left(split_part(translate(coalesce(j.last_error, ''), chr(13), ''), chr(10), 1), 300) AS error, j.finished_at
      FROM ${jobs} j WHERE j.status = 'FAILED' AND j.job_type BETWEEN t.type AND t.type
     ORDER BY j.job_type DESC, j.id DESC LIMIT (SELECT n FROM share)) l)
SELECT NULL AS a, (SELECT count(*) FROM looked)::text AS b,
       ((SELECT more FROM share) OR EXISTS (SELECT FROM looked l GROUP BY l.type HAVING count(*) >= (SELECT n FROM share)))::text AS c, NULL AS d, NULL AS e
 UNION ALL
(SELECT l.type, l.error, count(*)::text, ${momentText("max(l.finished_at)")}, max(l.id)::text
   FROM looked l GROUP BY l.type, l.error ORDER BY count(*) DESC, max(l.id) DESC LIMIT $2::text::int4)`;
};

/** @throws InvalidInputError naming the option. */
export function failuresStatement(names: TableNames, options: FailuresOptions): SqlStatement {
  checkOptions(options, FAILURES_OPTIONS);
  const { types, limit = 100 } = options;
  checkWhole("limit", limit, 1, 1_000);
  return {
    text: failuresText(names),
    params: [types === undefined ? null : JSON.stringify(types), String(limit)],
  };
}

/** Reads one row for what was looked at, and one for each group. */
export function readFailures(rows: readonly SqlRow[]): Failures {
  const read = rows.map(cells);
  const [, looked, more] = read.find(([type]) => type === null) ?? [];
  const groups = read
    .filter(([type]) => type !== null)
    .map(([type, error, count, lastAt, lastId]) => ({
      type: type ?? "",
      error: error ?? "",
      count: Number(count),
      lastAt: dateOrNull(lastAt),
      lastId: lastId ?? "",
    }));
  return { groups, looked: Number(looked), complete: more !== "true" };
}

/**
 * FAILED jobs by type and first line of their error: what is broken, rather than which jobs.
 *
 * @throws InvalidInputError naming the option.
 */
export async function failures(
  { connection }: { readonly connection: Connection },
  options: FailuresOptions = {},
): Promise<Failures> {
  const statement = failuresStatement(connection.names, options);
  return readFailures(await send(connection, "failures", statement, { reads: true }));
}
