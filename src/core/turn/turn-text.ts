import { numbered } from "../sql/parameters.ts";
import type { NumberedText, ParameterValues } from "../sql/parameters.ts";
import type { TableNames } from "../sql/table-names.ts";
import { asyncCommit } from "./clauses/async-commit.ts";
import type { Clause, TurnScope, TurnVariant } from "./clauses/clause.ts";
import { forgetSteps } from "./clauses/forget-steps.ts";
import type { LaneDepth } from "./clauses/lanes.ts";
import { madeReady } from "./clauses/made-ready.ts";
import { pickUp } from "./clauses/pick-up.ts";
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
  ...[settle, forgetSteps, reap, pickUp, rank, take, asyncCommit, sleep, madeReady, waitMarker],
];
/** Those of a turn of any kind. */
const USUAL = ALL.filter((clause) => clause !== forgetSteps);

/** What a turn of each scope does. The shorter ones save up to half of what a small turn takes (0.6 instead of 0.9 ms). */
const SCOPES: Readonly<Record<TurnScope, readonly Clause[]>> = {
  whole: USUAL,
  without: USUAL,
  only: USUAL,
  look: USUAL.filter((clause) => clause !== take),
  "pick-up": [pickUp, rank, take, asyncCommit, sleep, madeReady],
  settling: [settle, madeReady],
};

/**
 * The turn's text: settle what ended, reap what is lost, pick up what is due, and report how long the caller may sleep, in
 * one statement and one snapshot.
 *
 * @param schedules whether the table is known to have schedules
 * @param errors whether the table is known to keep the history of attempts
 * @param headers whether it is known to have headers
 * @param forgets whether it deletes the steps of jobs that it settles
 */
export function turnText(
  names: TableNames,
  scope: TurnScope = "whole",
  depth: LaneDepth = "shallow",
  schedules = true,
  errors = true,
  headers = true,
  forgets = false,
): NumberedText {
  const variant: TurnVariant = { names, scope, depth, schedules, errors, headers, admitted: "candidates" };
  const does = clausesOf(scope, forgets);
  const relations = ALL.map((one) => (does.includes(one) ? one.text(variant) : one.absent));
  const types: Record<string, string> = {};
  for (const { parameters } of does) Object.assign(types, parameters);
  return numbered(
    `WITH RECURSIVE ${relations.filter(Boolean).join(",\n")}\n${answerText(variant, does)}`,
    types,
  );
}

/** The values of a scope's parameters. */
export function turnValues(scope: TurnScope, request: TurnRequest, forgets = false): ParameterValues {
  const values: Record<string, string | null> = {};
  for (const { encode } of clausesOf(scope, forgets)) Object.assign(values, encode(request));
  return values;
}

function clausesOf(scope: TurnScope, forgets: boolean): readonly Clause[] {
  return forgets ? [...SCOPES[scope], forgetSteps] : SCOPES[scope];
}

function answerText(variant: TurnVariant, does: readonly Clause[]): string {
  return [
    ...(does.includes(take) ? [jobRowsText()] : does.includes(rank) ? [candidateRowsText()] : []),
    turnRowText(variant),
    ...(does.includes(settle) ? [settlementRowsText(variant)] : []),
    ...(does.includes(reap) ? [reapedRowsText(), tickRowsText(variant)] : []),
    ...(does.includes(rank) ? [laneRowsText()] : []),
  ].join("\nUNION ALL\n");
}
