import { arrayLiteral, columnLiteral } from "../../sql/array-literal.ts";
import type { Element } from "../../sql/array-literal.ts";
import { ABSENT, USUAL } from "../../job.ts";
import type { Settlement } from "../settlement.ts";

/** int4's greatest value: a handler of more than 24 days. */
const MAX_DURATION_MS = 2_147_483_647;
/** A hundred years: what is later is out of timestamptz's reach or a mistake. */
const MAX_DELAY_MS = 3_155_760_000_000;

/** Settlements are sent as columns, an array of each of their fields. */
export const SETTLEMENT_COLUMNS = {
  settledIds: "int8[]",
  attempts: "int4[]",
  /** Which of `holders`, from 1. */
  holderPlaces: "int4[]",
  outcomes: "text[]",
  /** Milliseconds. */
  durations: "int4[]",
  results: "jsonb[]",
  errors: "text[]",
  /** Milliseconds until it is due; or, in epoch milliseconds, `dueTimes`. */
  waits: "float8[]",
  dueTimes: "float8[]",
  /** The `locked_by` of the settlements, each once. */
  holders: "text[]",
} as const;

/** The settlements as {@link SETTLEMENT_COLUMNS}. */
export function settlementColumns(
  settlements: readonly Settlement[],
): Readonly<Record<keyof typeof SETTLEMENT_COLUMNS, string>> {
  const holders = [...new Set(settlements.map(({ job }) => job.lockedBy))];
  const [mostly] = holders;
  const places = new Map(holders.map((holder, index) => [holder, index + 1]));
  const column = (of: (settlement: Settlement) => Element, none: string | number): string =>
    columnLiteral(settlements.map(of), none);
  return {
    settledIds: arrayLiteral(settlements.map(({ job }) => job.id)),
    attempts: column(({ job }) => (job.attempts === USUAL.attempts ? null : job.attempts), USUAL.attempts),
    holderPlaces: column(({ job }) => (job.lockedBy === mostly ? null : places.get(job.lockedBy)), 1),
    outcomes: column(outcomeOf, USUAL.outcome),
    durations: column(durationOf, ABSENT.number),
    results: column(resultOf, ABSENT.json),
    errors: column(errorOf, ABSENT.text),
    waits: column(waitOf, ABSENT.number),
    dueTimes: column(dueOf, ABSENT.number),
    holders: arrayLiteral(holders),
  };
}

/** A retry whose attempt ended otherwise than by an error goes by the name of that. */
function outcomeOf(settlement: Settlement): Element {
  if (settlement.outcome === "retry") return settlement.kind ?? "retry";
  if (settlement.outcome === "done" && settlement.remove === true) return "delete";
  return settlement.outcome === USUAL.outcome ? null : settlement.outcome;
}

function durationOf({ durationMs }: Settlement): Element {
  return durationMs === null ? null : Math.round(clamp(durationMs, MAX_DURATION_MS));
}

/** JSON's null is stored as none, as an absent result is. */
function resultOf(settlement: Settlement): Element {
  return settlement.outcome === "done" && settlement.resultText !== "null" ? settlement.resultText : null;
}

function errorOf(settlement: Settlement): Element {
  switch (settlement.outcome) {
    case "done":
      return settlement.note;
    case "retry":
    case "fail":
      return settlement.error;
    case "snooze":
    case "release":
      return null;
  }
}

function waitOf(settlement: Settlement): Element {
  return "due" in settlement && typeof settlement.due === "number"
    ? clamp(settlement.due, MAX_DELAY_MS)
    : null;
}

function dueOf(settlement: Settlement): Element {
  return "due" in settlement && typeof settlement.due !== "number"
    ? clamp(settlement.due.getTime(), Number.MAX_SAFE_INTEGER)
    : null;
}

function clamp(value: number, max: number): number {
  return Number.isNaN(value) ? 0 : Math.min(Math.max(value, 0), max);
}
