import { tableNames } from "../../src/core/sql/table-names.ts";
import type { TurnScope } from "../../src/core/turn/clauses/clause.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";

/** A turn's parameters by their names, read back from what was sent: a short turn has but some. */
export function turnParameters(text: string, params: readonly unknown[]): Readonly<Record<string, unknown>> {
  const { parameters } = turnText(tableNames(), { scope: scopeOf(text) });
  return Object.fromEntries(parameters.map((name, place) => [name, params[place]]));
}

/** Those that follow a refusal have the parameters of a whole turn. */
function scopeOf(text: string): TurnScope {
  if (text.includes("'candidate'")) return "look";
  if (!text.includes("picked AS")) return "settling";
  return text.includes("'settlement'") ? "whole" : "pick-up";
}
