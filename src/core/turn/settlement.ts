import { arrayLiteral, columnLiteral } from "../sql/array-literal.ts";
import type { Element } from "../sql/array-literal.ts";
import { ABSENT, USUAL } from "../job.ts";
import type { Fence, JobStatus } from "../job.ts";

/** How an attempt may end. */
export const OUTCOMES = ["done", "retry", "fail", "snooze", "release"] as const;

/** One of {@link OUTCOMES}. */
export type Outcome = (typeof OUTCOMES)[number];

/** When a job is due again: milliseconds from now by the database's clock, or a moment. */
export type Due = number | Date;

/** The end of one attempt, to be written if its lease is still held. */
export type Settlement = {
  readonly job: Fence;
  /** How long the handler ran, in milliseconds; null where it did not start. */
  readonly durationMs: number | null;
} & (
  | {
      /** DONE. */
      readonly outcome: "done";
      /** JSON text that jsonb takes, or null. */
      readonly resultText: string | null;
      /** Why the handler's result is not there, for `last_error`. */
      readonly note?: string | undefined;
      /** Deletes the steps that the job has remembered. @default false */
      readonly forgetsSteps?: boolean | undefined;
    }
  /** READY again, or FAILED where no attempt is left. */
  | {
      readonly outcome: "retry";
      readonly error: string;
      readonly due: Due;
      /** How the attempt ended, for the history. @default "failed" */
      readonly kind?: "timeout" | "deadline" | "lost" | undefined;
    }
  /** FAILED, whatever attempts are left. */
  | { readonly outcome: "fail"; readonly error: string }
  /** READY at a later time, the attempt given back. */
  | {
      readonly outcome: "snooze";
      readonly due: Due;
      /** Whether the job goes on behind what it has remembered, and was not put off by its handler. @default false */
      readonly continues?: boolean | undefined;
    }
  /** READY at once, the attempt given back, at most ten times per job. */
  | { readonly outcome: "release" }
);

/**
 * What became of a settlement: `settled`; `already`, when it had been settled
 * before (an answer was lost, or the handler did it in a transaction of its
 * own); `lost` or `cancelled`, when the lease is gone and nothing was written;
 * `busy`, when somebody else has the row locked just now: try again.
 */
export const VERDICTS = ["settled", "already", "lost", "cancelled", "busy"] as const;

/** One of {@link VERDICTS}. */
export type Verdict = (typeof VERDICTS)[number];

/** The answer to one settlement. */
export interface SettlementAnswer {
  readonly id: string;
  readonly lockedBy: string;
  readonly verdict: Verdict;
  /** The state that was written, where the verdict is `settled`; the one that the job is in, where it is `already`; or null. */
  readonly status: JobStatus | null;
}

/** A settlement is found again in the answers by its job and its pick-up. */
export function settlementKey({ id, lockedBy }: Pick<Fence, "id" | "lockedBy">): string {
  return `${id} ${lockedBy}`;
}

/** int4's greatest value: a handler of more than 24 days. */
const MAX_DURATION_MS = 2_147_483_647;
/** A hundred years: what is later is out of timestamptz's reach or a mistake. */
const MAX_DELAY_MS = 3_155_760_000_000;

/** The settlements as the columns that the turn opens, ten parameters. */
export function encodeSettlements(settlements: readonly Settlement[]): readonly string[] {
  const holders = [...new Set(settlements.map(({ job }) => job.lockedBy))];
  const places = new Map(holders.map((holder, index) => [holder, index + 1]));
  const column = (of: (settlement: Settlement) => Element, none: string | number): string =>
    columnLiteral(settlements.map(of), none);
  return [
    arrayLiteral(settlements.map(({ job }) => job.id)),
    column(({ job }) => (job.attempts === USUAL.attempts ? null : job.attempts), USUAL.attempts),
    column(({ job }) => (job.lockedBy === holders[0] ? null : places.get(job.lockedBy)), 1),
    column(outcomeOf, USUAL.outcome),
    column(durationOf, ABSENT.number),
    column(resultOf, ABSENT.json),
    column(errorOf, ABSENT.text),
    column(waitOf, ABSENT.number),
    column(dueOf, ABSENT.number),
    arrayLiteral(holders),
  ];
}

/** A retry whose attempt ended otherwise than by an error goes by the name of that. */
function outcomeOf(settlement: Settlement): Element {
  if (settlement.outcome === "retry") return settlement.kind ?? "retry";
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
