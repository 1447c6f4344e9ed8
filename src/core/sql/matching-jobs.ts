import { InvalidInputError } from "../errors.ts";
import { checkWhole } from "../values/check-number.ts";
import { JOB_STATUSES } from "../job.ts";
import type { JobStatus } from "../job.ts";
import { checkId } from "../values/job-id.ts";
import { LOOK, fewOf } from "./small-indexes.ts";

/** Which jobs: those that meet every condition that is given. */
export interface JobFilter {
  /** @default every state */
  readonly statuses?: readonly JobStatus[] | undefined;
  /** @default every type */
  readonly types?: readonly string[] | undefined;
  /** Only these jobs, at most 1,000. */
  readonly ids?: readonly string[] | undefined;
  /** Only jobs with this dedupe key, of which one at most is READY or RUNNING. */
  readonly dedupeKey?: string | undefined;
  /** Only jobs that were enqueued or last changed at this time or after it. */
  readonly since?: Date | undefined;
  /** Only jobs with a lower id: the `next` of the page before. */
  readonly beforeId?: string | undefined;
  /** 1 to 1,000. @default 100 for a list, 1,000 for what acts on jobs */
  readonly limit?: number | undefined;
}

/** The names of a filter's options. */
export const FILTER_OPTIONS = {
  statuses: true,
  types: true,
  ids: true,
  dedupeKey: true,
  since: true,
  beforeId: true,
  limit: true,
} as const satisfies Record<keyof JobFilter, true>;

/** In how many types FAILED jobs are looked for; where they are in more, as where no index has them. */
export const MOST_TYPES = 200;

/** A JSON list of texts, the parameter `param`, as an array. */
export const each = (param: string): string =>
  `ARRAY(SELECT value FROM json_array_elements_text(${param}::text::json))`;

/**
 * The CTEs that find jobs by a filter, newest first, in some milliseconds however large the table is: `listed` has the ids of
 * at most `$7`, `found` those that it was cut from, and `page_end` the id from which on all were looked at.
 *
 * `$1` statuses, `$2` types, `$3` ids, each a JSON list or null; `$4` dedupe key, `$5` milliseconds of `since`, `$6` id,
 * each or null; `$7` limit.
 *
 * Each lane is looked at from its newest job on: RUNNING and CANCELLED jobs, each type's FAILED ones, and all jobs, for
 * what no index has. A lane that was not looked at to its end has one at an id: older jobs are the next page's. READY
 * jobs, whose index has no such order, are all looked at where they are few, and among all jobs where they are not.
 * What a lane is not needed for is left out by conditions on parameters, which PostgreSQL judges before it reads a row.
 */
export const matchingText = (jobs: string): string => {
  // Not `$6 IS NULL OR …`, in which no plan that is made without the parameter sees a place in an index.
  const before = "j.id <= coalesce($6::text::int8 - 1, 9223372036854775807)";
  const match = `($2::text IS NULL OR j.job_type = ANY (${each("$2")}))
   AND ($4::text IS NULL OR j.dedupe_key = $4::text)
   AND ($5::text IS NULL OR j.updated_at >= to_timestamp($5::text::float8 / 1000))`;
  const state = `($1::text IS NULL OR j.status::text = ANY (${each("$1")}))`;
  // The unique index of dedupe keys has the active jobs, and ids are in the primary key: neither takes a look.
  const active = `($4::text IS NOT NULL AND coalesce($1::text, 'DONE') !~ 'DONE|FAILED|CANCELLED')`;
  const looks = `$3::text IS NULL AND NOT ${active}`;
  const asked = (status: string): string => `${looks} AND $1::text ~ '${status}' AND $1::text !~ 'DONE'`;
  const lane = (name: string, where: string, matches: string): string =>
    `(SELECT '${name}', j.id, ${matches} FROM ${jobs} j WHERE ${where} AND ${before} ORDER BY j.id DESC LIMIT ${LOOK})`;
  const failedType = (more: string): string => `SELECT j.job_type FROM ${jobs} j
      WHERE j.status = 'FAILED' AND ${more} ORDER BY j.job_type, j.id LIMIT 1`;
  return `WITH RECURSIVE ready AS MATERIALIZED ${fewOf(jobs, "READY", `j.id, ${match} AS matches`, `AND ${asked("READY")}`)},
found_types (type, n) AS (
  SELECT * FROM (SELECT (${failedType(`$2::text IS NULL AND ${asked("FAILED")}`)}), 1) first
   UNION ALL
  SELECT (${failedType("j.job_type > f.type")}), f.n + 1 FROM found_types f WHERE f.type IS NOT NULL AND f.n <= ${MOST_TYPES}),
types AS MATERIALIZED (
  SELECT f.type FROM found_types f WHERE f.type IS NOT NULL
   UNION SELECT unnest(${each("$2")}) WHERE ${asked("FAILED")}),
sizes AS MATERIALIZED (
  SELECT (SELECT count(*) FROM ready) > ${LOOK} AS ready_many, count(*) > ${MOST_TYPES} AS types_many,
         greatest(1, ${LOOK} / greatest(1, count(*))) AS of_type
    FROM types),
looked (lane, id, matches) AS MATERIALIZED (
  -- BETWEEN, and the type in the order: for an equality a plan may walk the primary key instead of the types' index.
  SELECT 'FAILED ' || t.type, l.* FROM types t CROSS JOIN LATERAL (
    SELECT j.id, ${match} FROM ${jobs} j
     WHERE j.status = 'FAILED' AND j.job_type BETWEEN t.type AND t.type AND ${before} AND NOT (SELECT types_many FROM sizes)
     ORDER BY j.job_type DESC, j.id DESC LIMIT (SELECT of_type FROM sizes)) l
   UNION ALL
  ${lane("RUNNING", `j.status = 'RUNNING' AND ${asked("RUNNING")}`, match)}
   UNION ALL
  ${lane("CANCELLED", `j.status = 'CANCELLED' AND ${asked("CANCELLED")}`, match)}
   UNION ALL
  ${lane("all", `${looks} AND (coalesce($1::text, 'DONE') ~ 'DONE' OR (SELECT ready_many OR types_many FROM sizes))`, `${state} AND ${match}`)}),
page_end AS MATERIALIZED (
  SELECT max(e.id) AS id
    FROM (SELECT min(l.id) AS id FROM looked l GROUP BY l.lane HAVING count(*) >= least(${LOOK}, (SELECT of_type FROM sizes))) e),
found AS (
  SELECT f.id FROM (
    SELECT l.id FROM looked l WHERE l.matches
     UNION SELECT j.id FROM ready j WHERE j.matches AND ${before} AND NOT (SELECT ready_many FROM sizes)
     UNION SELECT j.id FROM ${jobs} j WHERE j.id = ANY (${each("$3")}::int8[]) AND ${before} AND ${state} AND ${match}
     UNION SELECT j.id FROM ${jobs} j
      WHERE ${active} AND j.dedupe_key = $4::text AND j.status IN ('READY', 'RUNNING') AND ${before} AND ${state} AND ${match}
   ) f
   WHERE f.id >= coalesce((SELECT id FROM page_end), f.id)),
listed AS (
  SELECT f.id FROM found f ORDER BY f.id DESC LIMIT $7::text::int4)`;
};

/** The parameters of {@link matchingText}. @throws InvalidInputError naming the option. */
export function matchingParams(options: JobFilter, usualLimit: number): readonly (string | null)[] {
  const { statuses, types, ids, dedupeKey = null, since, beforeId, limit = usualLimit } = options;
  checkWhole("limit", limit, 1, 1_000);
  const foreign = statuses?.find((status) => !JOB_STATUSES.includes(status));
  if (foreign !== undefined) throw new InvalidInputError("statuses", JOB_STATUSES.join(", "), foreign);
  if (ids !== undefined && ids.length > 1_000) throw new InvalidInputError("ids", "at most 1000", ids.length);
  if (Number.isNaN(since?.getTime())) throw new InvalidInputError("since", "a valid Date", since);
  const list = (values: readonly string[] | undefined): string | null =>
    values === undefined ? null : JSON.stringify(values);
  return [
    list(statuses),
    list(types),
    list(ids?.map((id) => checkId("ids", id))),
    dedupeKey,
    since === undefined ? null : String(since.getTime()),
    beforeId === undefined ? null : checkId("beforeId", beforeId),
    String(limit),
  ];
}
