import { USUAL } from "../../job.ts";
import type { TableNames } from "../../sql/table-names.ts";

/**
 * How the priorities of a type are found in which jobs may be due.
 *
 * `shallow`: one after the other through the index, from the highest. Each that has only planned jobs costs a look, so the
 * walk ends after {@link MOST_LANES}, and the answer says that what lies below has not been seen. `deep`: from the jobs that
 * are due, by an index of those whose priority is not the usual one, whatever is planned; the usual priority is looked at
 * in any case. Where more are due than {@link MOST_DUE}, the highest priorities are walked as well.
 */
export type LaneDepth = "shallow" | "deep";

/** Most priorities that are walked: about three milliseconds. */
const MOST_LANES = 256;
/** Most due jobs from which priorities are taken. */
const MOST_DUE = 1_000;

const USUAL_PRIORITY = String(USUAL.priority);

type Jobs = Pick<TableNames, "jobs">;

function highestText({ jobs }: Jobs, type: string): string {
  return `(SELECT j.priority FROM ${jobs} j
                                    WHERE j.status = 'READY' AND j.job_type = ${type}
                                    ORDER BY j.priority DESC LIMIT 1)`;
}

function nextText({ jobs }: Jobs, type: string, above: string): string {
  return `(SELECT j.priority FROM ${jobs} j
               WHERE j.status = 'READY' AND j.job_type = ${type} AND j.priority < ${above}
               ORDER BY j.priority DESC LIMIT 1)`;
}

/** `lane`, the priorities of `h`'s type in their order, found one by one as they are asked for. */
export function laneText(names: Jobs, depth: LaneDepth): string {
  return depth === "deep"
    ? `lane AS MATERIALIZED (
      SELECT l.priority FROM due_lanes l WHERE l.job_type = h.job_type ORDER BY l.priority DESC
    )`
    : `lane(priority, nth) AS (
      SELECT coalesce(h.priority, ${highestText(names, "h.job_type")}), 1
      UNION ALL
      SELECT ${nextText(names, "h.job_type", "lane.priority")}, lane.nth + 1
        FROM lane WHERE lane.priority IS NOT NULL AND h.priority IS NULL AND lane.nth < ${MOST_LANES}
    )`;
}

/** What {@link laneText} reads, before it in the list, with a comma after it. */
export function dueLanesText(names: Jobs, depth: LaneDepth): string {
  if (depth === "shallow") return "";
  return `due_first AS MATERIALIZED (
  SELECT h.job_type, d.priority
    FROM wanted_types h
   CROSS JOIN LATERAL (
    SELECT j.priority FROM ${names.jobs} j
     WHERE j.status = 'READY' AND j.job_type = h.job_type AND j.priority <> ${USUAL_PRIORITY} AND j.run_after <= now()
     ORDER BY j.run_after LIMIT ${MOST_DUE}
   ) d
   WHERE (SELECT n FROM row_limit) > 0
),
crowded AS MATERIALIZED (
  SELECT job_type FROM due_first GROUP BY job_type HAVING count(*) = ${MOST_DUE}
),
${walkText(names, "walked", "crowded")},
due_lanes AS MATERIALIZED (
  SELECT job_type, priority FROM due_first
   UNION
  SELECT job_type, ${USUAL_PRIORITY} FROM wanted_types
   UNION
  SELECT job_type, priority FROM walked WHERE priority IS NOT NULL
),
`;
}

/** `lanes`, all that the types have, for those who will sleep; or no more than were walked. */
export function lanesText(names: Jobs, from: string): string {
  return walkText(names, "lanes", from);
}

function walkText(names: Jobs, name: string, from: string): string {
  return `${name}(job_type, priority, nth) AS (
  SELECT t.job_type, ${highestText(names, "t.job_type")}, 1
    FROM ${from} t
   UNION ALL
  SELECT l.job_type, ${nextText(names, "l.job_type", "l.priority")}, l.nth + 1
    FROM ${name} l WHERE l.priority IS NOT NULL AND l.nth < ${MOST_LANES}
)`;
}

/** Behind the candidates of a type a mark, if its walk ended early: in its place, so that nothing behind is chosen. */
export function walkedText(depth: LaneDepth, keyed: boolean): string {
  if (depth === "deep") return "";
  return `
      UNION ALL
      SELECT NULL::int8, h.job_type, lane.priority, 'infinity'::timestamptz, 0, 0, NULL::jsonb, true, 0::int2${keyed ? ", NULL, NULL" : ""}
        FROM lane WHERE lane.nth = ${MOST_LANES} AND lane.priority IS NOT NULL`;
}

/** Whether a walk ended early, and all was wanted that it has found. */
export const LANES_LEFT = "EXISTS (SELECT 1 FROM ranked WHERE id IS NULL)";

/** Whether jobs may be due in priorities that were not seen, of which some were taken. */
export const DUE_LANES_LEFT = "EXISTS (SELECT 1 FROM crowded) AND EXISTS (SELECT 1 FROM candidates)";

/** Calls `read` with what to read from, and what `j` must meet there, and joins what it gives. */
export function inLanes(
  depth: LaneDepth,
  read: (from: string, condition: string) => string,
  join: string,
  types: string,
): string {
  return depth === "shallow"
    ? read("lanes l", "j.job_type = l.job_type AND j.priority = l.priority")
    : ["=", "<>"]
        .map((is) => read(`${types} l`, `j.job_type = l.job_type AND j.priority ${is} ${USUAL_PRIORITY}`))
        .join(join);
}
