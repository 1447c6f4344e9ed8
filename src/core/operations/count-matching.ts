import type { SqlStatement } from "../executor.ts";
import { NEVER_CACHED, cells } from "../job.ts";
import { FILTER_OPTIONS, matchingParams, matchingText } from "../sql/matching-jobs.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import type { TableNames } from "../sql/table-names.ts";
import { checkOptions } from "../values/known-options.ts";

/** How many jobs a filter finds. */
export interface Matching {
  readonly count: number;
  /** The `beforeId` from which on there may be more, so that `count` is a lower bound; null where these are all. */
  readonly next: string | null;
}

/** The parameters are those of {@link matchingText}. */
export const countText = ({ jobs }: TableNames): string => `${NEVER_CACHED}
${matchingText(jobs)}
SELECT (SELECT count(*) FROM found)::text AS a, (SELECT id FROM page_end)::text AS b`;

/** @throws InvalidInputError naming the option. */
export function countStatement(names: TableNames, filter: Omit<JobFilter, "limit">): SqlStatement {
  checkOptions(filter, FILTER_OPTIONS);
  return { text: countText(names), params: matchingParams(filter, 1_000) };
}

/**
 * How many jobs a filter finds, for a question before an act on all of them: some 2,000 of a state at the most, so that it
 * takes some milliseconds however large the table is.
 *
 * @throws InvalidInputError naming the option.
 */
export async function countMatching(
  { connection }: { readonly connection: Connection },
  filter: Omit<JobFilter, "limit">,
): Promise<Matching> {
  const statement = countStatement(connection.names, filter);
  const [row] = await send(connection, "countMatching", statement, { reads: true });
  const [count, next = null] = cells(row ?? {});
  return { count: Number(count), next };
}
