import { InvalidInputError } from "../errors.ts";
import type { SqlRow, SqlStatement } from "../executor.ts";
import { cells } from "../job.ts";
import type { JobStatus } from "../job.ts";
import { checkOptions } from "../values/known-options.ts";
import { FILTER_OPTIONS, each, matchingParams, matchingText } from "./matching-jobs.ts";
import type { JobFilter } from "./matching-jobs.ts";

/** A job that a call looked at and did not change. */
export interface LeftOut {
  readonly id: string;
  /**
   * `twin`: another job that is active, or that this call makes so, has its dedupe key. `locked`: another transaction has
   * its row, or has just changed it. `held`: a foreign key does not let it be deleted.
   */
  readonly why: "twin" | "locked" | "held";
  /** The twin; null for the others. */
  readonly blockedBy: string | null;
}

/** What a call did to many jobs. */
export interface BulkAnswer {
  /** How many jobs it changed, or deleted. */
  readonly done: number;
  /** Which, the newest first. */
  readonly ids: readonly string[];
  /** How many more match, as far as it looked: at least so many, unless `next` is null. */
  readonly left: number;
  /** The `beforeId` of the next call; null where nothing is left. */
  readonly next: string | null;
  readonly leftOut: readonly LeftOut[];
}

/**
 * A statement that changes the jobs of a filter: `listed` of {@link matchingText}, of which `held` are those that it has
 * locked, in their order and past what others have; their states are looked at again once they are locked.
 *
 * @param acting CTEs, of which `acted` has the ids that were changed
 * @param leftOut a SELECT of `why`, id and twin for each that was left out
 */
export function bulkText(jobs: string, lock: string, acting: string, leftOut = ""): string {
  return `${matchingText(jobs)},
held AS MATERIALIZED (
  SELECT j.id, j.dedupe_key FROM ${jobs} j
   WHERE j.id = ANY (ARRAY(SELECT id FROM listed)) AND CASE WHEN j.status::text = ANY (${each("$1")}) THEN true END
   ORDER BY j.id FOR ${lock} SKIP LOCKED),
${acting}
SELECT 'end' AS a, (SELECT count(*) FROM found)::text AS b, (SELECT id FROM page_end)::text AS c, (SELECT min(id) FROM listed)::text AS d
 UNION ALL
SELECT 'done', a.id::text, NULL, NULL FROM acted a
 UNION ALL
SELECT 'locked', l.id::text, NULL, NULL FROM listed l WHERE l.id NOT IN (SELECT id FROM held)${leftOut}`;
}

/**
 * Its parameters.
 *
 * @param states those that the act is for, the usual ones first
 * @throws InvalidInputError naming the option.
 */
export function bulkStatement(
  text: string,
  filter: JobFilter,
  states: readonly JobStatus[],
  usual: readonly JobStatus[] | undefined,
): SqlStatement {
  checkOptions(filter, FILTER_OPTIONS);
  const { statuses = usual } = filter;
  if (statuses === undefined)
    throw new InvalidInputError("statuses", `some of ${states.join(", ")}`, statuses);
  const foreign = statuses.find((status) => !states.includes(status));
  if (foreign !== undefined) throw new InvalidInputError("statuses", states.join(", "), foreign);
  return { text, params: matchingParams({ ...filter, statuses }, 1_000) };
}

/** Reads a row for each job, and one for what is left. */
export function readBulk(rows: readonly SqlRow[], { limit = 1_000 }: JobFilter): BulkAnswer {
  const ids: string[] = [];
  const leftOut: LeftOut[] = [];
  let [left, next]: [number, string | null] = [0, null];
  for (const [kind, id = "", twinOrEnd = null, lowest = null] of rows.map(cells)) {
    if (kind === "end") {
      left = Math.max(0, Number(id) - limit);
      next = left > 0 ? lowest : twinOrEnd;
    } else if (kind === "done") ids.push(id ?? "");
    else if (isWhy(kind)) leftOut.push({ id: id ?? "", why: kind, blockedBy: twinOrEnd });
  }
  const newestFirst = (a: string, b: string): number => (BigInt(a) < BigInt(b) ? 1 : -1);
  return {
    done: ids.length,
    ids: ids.sort(newestFirst),
    left,
    next,
    leftOut: leftOut.sort((a, b) => newestFirst(a.id, b.id)),
  };
}

function isWhy(kind: string | null | undefined): kind is LeftOut["why"] {
  return kind === "twin" || kind === "locked" || kind === "held";
}
