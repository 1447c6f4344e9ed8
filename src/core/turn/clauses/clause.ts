import type { ParameterTypes, ParameterValues } from "../../sql/parameters.ts";
import type { TableNames } from "../../sql/table-names.ts";
import type { TurnRequest } from "../turn-request.ts";
import type { LaneDepth } from "./lanes.ts";

/**
 * What a turn does: all that there is, or but one thing. The last three are for pick-ups that follow a refusal: all
 * `without` the jobs of `:knownIds`, `only` those, or a `look` at what the first of them would take.
 */
export type TurnScope = "whole" | "pick-up" | "settling" | "without" | "only" | "look";

/**
 * What a turn does about limits: it keeps them; or it leaves out all types that have some, and says that there are some; or
 * it only sees whether the table has limits by now, which one of an older version does not.
 */
export type LimitMode = "kept" | "left out" | "unknown";

/** Which of its texts a turn is. */
export interface TurnVariant {
  readonly names: TableNames;
  readonly scope: TurnScope;
  readonly depth: LaneDepth;
  /** Whether the table is known to have schedules: one of an older version does not, and the turn only sees whether it does by now. */
  readonly schedules: boolean;
  /** Whether the table is known to keep the history of attempts. */
  readonly errors: boolean;
  /** Whether it is known to have headers; where not, they are looked for in each row. */
  readonly headers: boolean;
  /** What the turn does about limits. */
  readonly limits: LimitMode;
  /** Whether the rows of some jobs go when they are done. */
  readonly deletes: boolean;
  /** The relation that `rank` chooses from: `candidates`, or what a clause between them admits of these. */
  readonly admitted: string;
}

/**
 * One part of the turn: some relations (CTEs) of its statement, and all that they need. A clause reads those before it by
 * their names; a capability is a clause more, or an operation of its own, and edits no other.
 *
 * All parts see the snapshot of before the statement, so what one has changed the others must leave out by name.
 */
export interface Clause {
  /** Its parameters, `:name` in the text, and the types that their texts are cast to. */
  readonly parameters: ParameterTypes;
  /** Its parameters' values. Called once a turn. */
  readonly encode: (request: TurnRequest) => ParameterValues;
  /** Its relations, with commas between them. */
  readonly text: (variant: TurnVariant) => string;
  /** For a turn that leaves it out: those of its relations that other clauses read, empty, so that the planner drops them. */
  readonly absent?: string;
}

/** A clause that gives each of its parameters a value. */
export function clause<Name extends string>(
  of: Clause & {
    readonly parameters: Readonly<Record<Name, string>>;
    readonly encode: (request: TurnRequest) => Readonly<Record<NoInfer<Name>, string | null>>;
  },
): Clause {
  return of;
}
