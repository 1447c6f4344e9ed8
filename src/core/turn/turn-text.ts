import { numbered } from "../sql/parameters.ts";
import type { NumberedText } from "../sql/parameters.ts";
import type { TableNames } from "../sql/table-names.ts";
import { admit } from "./clauses/admit.ts";
import { asyncCommit } from "./clauses/async-commit.ts";
import type { Clause, LimitMode, TurnScope, TurnVariant } from "./clauses/clause.ts";
import { forgetSteps, forgetsSteps } from "./clauses/forget-steps.ts";
import type { LaneDepth } from "./clauses/lanes.ts";
import { gate, limitRowsText } from "./clauses/gate.ts";
import { leftRunning } from "./clauses/left-running.ts";
import { madeReady } from "./clauses/made-ready.ts";
import { pickUp } from "./clauses/pick-up.ts";
import { putAside } from "./clauses/put-aside.ts";
import { candidateRowsText, laneRowsText, rank } from "./clauses/rank.ts";
import { reap, reapedRowsText } from "./clauses/reap.ts";
import { settle, settlementRowsText } from "./clauses/settle.ts";
import { sleep } from "./clauses/sleep.ts";
import { jobRowsText, take } from "./clauses/take.ts";
import { tickRowsText } from "./clauses/ticks.ts";
import { turnRowText } from "./clauses/turn-row.ts";
import { waitMarker } from "./clauses/wait-marker.ts";
import type { TurnRequest } from "./turn-request.ts";

/** All clauses, each behind those that it reads. */
const ALL: readonly Clause[] = [
  settle,
  reap,
  leftRunning,
  pickUp,
  rank,
  take,
  asyncCommit,
  sleep,
  madeReady,
  waitMarker,
];
/** What a turn that keeps limits does beside that, behind its pick-up, and behind what it takes. */
const KEEPING: ReadonlyMap<Clause, readonly Clause[]> = new Map([
  [pickUp, [gate, admit]],
  [take, [putAside]],
]);

/** What a turn of each scope does. The shorter ones save up to half of what a small turn takes (0.6 instead of 0.9 ms). */
const SCOPES: Readonly<Record<TurnScope, readonly Clause[]>> = {
  whole: ALL,
  without: ALL,
  only: ALL,
  look: ALL.filter((clause) => clause !== take),
  "pick-up": [pickUp, rank, take, asyncCommit, sleep, madeReady],
  settling: [settle, leftRunning, madeReady],
};

/** A turn's text, with the clause, among those of its scope, that has the value of each parameter. */
export interface TurnText extends NumberedText {
  readonly owners: readonly number[];
}

/**
 * The turn's text: settle what ended, reap what is lost, pick up what is due, and report how long the caller may sleep, in
 * one statement and one snapshot.
 *
 * @param schedules whether the table is known to have schedules
 * @param errors whether the table is known to keep the history of attempts
 * @param headers whether it is known to have headers
 * @param limits what it does about limits
 * @param deletes whether the rows of some jobs go when they are done
 * @param forgets whether it deletes the steps of jobs that it settles
 */
export function turnText(
  names: TableNames,
  scope: TurnScope = "whole",
  depth: LaneDepth = "shallow",
  schedules = true,
  errors = true,
  headers = true,
  limits: LimitMode = "left out",
  deletes = false,
  forgets = false,
): TurnText {
  const kept = limits === "kept";
  const variant: TurnVariant = {
    ...{ names, scope, depth, schedules, errors, headers, limits, deletes },
    admitted: kept ? "admitted" : "candidates",
  };
  const does = doneIn(scope, limits, forgets);
  const relations = [...(kept ? keeping(ALL) : ALL), forgetSteps].map((one) =>
    does.includes(one) ? one.text(variant) : one.absent,
  );
  const types: Record<string, string> = Object.fromEntries(
    does.flatMap(({ parameters }) => Object.entries(parameters)),
  );
  const sent = numbered(
    `WITH RECURSIVE ${relations.filter(Boolean).join(",\n")}\n${answerText(variant, does)}`,
    types,
  );
  const owners = sent.parameters.map((name) => does.findIndex(({ parameters }) => name in parameters));
  return { ...sent, owners };
}

/** The values of the parameters of such a text. */
export function turnParams(
  scope: TurnScope,
  { parameters, owners }: TurnText,
  request: TurnRequest,
): readonly (string | null)[] {
  const forgets = request.settlements?.some(forgetsSteps);
  const does = doneIn(scope, request.limits === undefined ? "left out" : "kept", forgets);
  const values = does.map(({ encode }) => encode(request));
  return parameters.map((name, place) => values[owners[place] ?? 0]?.[name] ?? null);
}

function doneIn(scope: TurnScope, limits: LimitMode, forgets = false): readonly Clause[] {
  const does = limits === "kept" ? keeping(SCOPES[scope]) : SCOPES[scope];
  return forgets ? [...does, forgetSteps] : does;
}

function keeping(clauses: readonly Clause[]): readonly Clause[] {
  return clauses.flatMap((one) => [one, ...(KEEPING.get(one) ?? [])]);
}

function answerText(variant: TurnVariant, does: readonly Clause[]): string {
  return [
    ...(does.includes(take) ? [jobRowsText()] : does.includes(rank) ? [candidateRowsText()] : []),
    turnRowText(variant),
    ...(does.includes(settle) ? [settlementRowsText(variant)] : []),
    ...(does.includes(reap) ? [reapedRowsText(), tickRowsText(variant)] : []),
    ...(does.includes(rank) ? [laneRowsText()] : []),
    ...(does.includes(gate) ? [limitRowsText(variant, does.includes(take))] : []),
  ].join("\nUNION ALL\n");
}
