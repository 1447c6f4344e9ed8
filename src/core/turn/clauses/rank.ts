import { CANDIDATE, LANE, rowText } from "../answer-rows.ts";
import { USUAL } from "../../job.ts";
import { momentText } from "../../sql/moment-text.ts";
import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";

/** Most bytes of payload in one pick-up; a single job may be larger. */
const PICK_UP_BYTES = 4_194_304;

/** Chooses: `ranked` are the candidates in order, with whether each is `chosen`, and whether it `runs` or has no attempt left. */
export const rank = clause({
  parameters: { slots: "int4", maxBytes: "int8" },
  encode: ({ pickUp }) => ({ slots: String(pickUp?.slots ?? 0), maxBytes: String(PICK_UP_BYTES) }),
  text: rankText,
  absent:
    "ranked AS (SELECT 0::int8 AS id, '' AS job_type, 0 AS priority, now() AS run_after, false AS chosen, false AS alone WHERE false)",
});

function rankText({ admitted }: TurnVariant): string {
  return `-- The first that goes beyond the most bytes. Payloads are written out one by one up to it, and those behind it never.
beyond AS MATERIALIZED (
  SELECT w.id
    FROM (SELECT c.priority, c.run_after, c.id, sum(octet_length(c.large::text)) OVER by_urgency AS bytes_so_far
            FROM ${admitted} c
           WHERE c.large IS NOT NULL
          WINDOW by_urgency AS (ORDER BY c.priority DESC, c.run_after, c.id ROWS UNBOUNDED PRECEDING)) w
   WHERE w.bytes_so_far > :maxBytes
   ORDER BY w.priority DESC, w.run_after, w.id
   LIMIT 1
),
ranked AS MATERIALIZED (
  SELECT r.id, r.job_type, r.priority, r.run_after, r.attempts < r.max_attempts AS runs, r.alone,
         r.place < (SELECT n FROM row_limit)
           -- A job that killed its worker must not take a buffer of neighbours with it, least of all their only attempt.
           AND (r.place <= :slots OR r.attempts = 0 AND r.max_attempts > 1)
           -- And one that may do so again takes no neighbours at all: the pick-up ends before it, or with it. It ends, too,
           -- before the last job of a share, which is never the first: of that type or lane the next ones are not known.
           AND (r.place = 1 AND (NOT r.alone OR r.suspects IS NULL) OR NOT r.at_an_end)
           AND (r.place = 1 OR NOT r.too_much) AS chosen
    FROM (
      SELECT c.id, c.job_type, c.priority, c.run_after, c.attempts, c.max_attempts, c.alone, c.suspects,
             row_number() OVER by_urgency AS place, bool_or(c.alone OR c.last) OVER by_urgency AS at_an_end,
             bool_or(c.id IN (SELECT id FROM beyond)) OVER by_urgency AS too_much
        FROM ${admitted} c
      WINDOW by_urgency AS (ORDER BY c.priority DESC, c.run_after, c.id ROWS UNBOUNDED PRECEDING)
    ) r
)`;
}

/** Of what would be picked up, in order. */
export function candidateRowsText(): string {
  return `(SELECT ${rowText("'candidate'", CANDIDATE, { id: "r.id::text" }, true)}
   FROM ranked r WHERE r.chosen ORDER BY r.priority DESC, r.run_after, r.id)`;
}

/** Where something is due and was passed over: a worker that goes on elsewhere must not pass it over for long. */
export function laneRowsText(): string {
  const columns = rowText("'lane'", LANE, {
    id: "(r.id - 1)::text",
    type: "r.job_type",
    priority: `nullif(r.priority, ${USUAL.priority})::text`,
    runAfter: momentText("r.run_after"),
    alone: `CASE WHEN r.alone THEN 'alone' END`,
  });
  return `(SELECT DISTINCT ON (r.job_type, r.priority) ${columns}
   FROM ranked r
  WHERE NOT r.chosen AND r.id IS NOT NULL
  ORDER BY r.job_type, r.priority, r.run_after, r.id)`;
}
