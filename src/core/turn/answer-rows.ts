import type { Cells } from "../job.ts";

/**
 * A turn answers with one table, whose rows are of several kinds: each kind names its columns here, once. The text writes
 * them by {@link rowText} and the reader finds them by the same names, since a driver may call a column by any name.
 */
export type RowShape<Column extends string> = Readonly<Record<Column, number>>;

/** Columns beside the kind: as many as the widest row has. The others are NULL. */
const NAMES = ["a", "b", "c", "d", "e", "f", "g", "h", "i", "j"] as const;

function shape<const Column extends string>(columns: readonly Column[]): RowShape<Column> {
  return Object.fromEntries(columns.map((column, place) => [column, place + 1])) as Record<Column, number>;
}

/** Of a job that was picked up (`job`, or `alone`), or found without an attempt left (`exhausted`). */
export const JOB = shape([
  "id",
  "type",
  "payload",
  "attempts",
  "maxAttempts",
  "priority",
  "runAfter",
  "timeoutSeconds",
  "dedupeKey",
  "created",
]);

/** Of a place in a lane before which a pick-up ended. */
export const LANE = shape(["id", "type", "priority", "runAfter", "alone"]);

/** Of a job that a look would have picked up. */
export const CANDIDATE = shape(["id"]);

/** Of the turn as a whole. */
export const TURN = shape([
  "more",
  "dueElsewhere",
  "nextDueInMs",
  "nextLeaseEndInMs",
  "oldestOpen",
  "nextId",
  "tableBytes",
  "serverUs",
  "stood",
  "clockUs",
]);

/** Of a settlement that is not DONE. */
export const SETTLEMENT = shape(["id", "lockedBy", "verdict"]);

/** Of a job whose lease was lost. */
export const REAPED = shape(["id", "type", "status"]);

/** Of the schedules. */
export const TICK = shape(["inMs", "keepsErrors", "limits"]);

/** Of the limits, in a turn that keeps them. */
export const LIMITS = shape(["exist", "from", "wider"]);

/** A row's kind, which is its first column. */
export function kindOf([kind]: Cells): string | null | undefined {
  return kind;
}

/**
 * What a SELECT lists for a row of that kind.
 *
 * @param named whether the columns need names, as those of the first SELECT do: where two have the same, a driver drops one
 */
export function rowText<Column extends string>(
  kind: string,
  columns: RowShape<Column>,
  values: Readonly<Record<Column, string>>,
  named = false,
): string {
  const list = [kind, ...NAMES.map(() => "NULL")];
  for (const column of Object.keys(columns) as Column[]) list[columns[column]] = values[column];
  return list.map((value, place) => (named ? `${value} AS ${NAMES[place - 1] ?? "kind"}` : value)).join(", ");
}
