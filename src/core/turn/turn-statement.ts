import type { SqlStatement } from "../executor.ts";
import type { TurnScope } from "./clauses/clause.ts";
import type { TurnRequest } from "./turn-request.ts";
import { turnParams } from "./turn-text.ts";
import type { TurnText } from "./turn-text.ts";

/** The turn as a statement: `textOf` a scope is `turnText` of it. */
export function turnStatement(textOf: (scope: TurnScope) => TurnText, request: TurnRequest): SqlStatement {
  const scope = scopeOf(request);
  const text = textOf(scope);
  return { text: text.text, params: turnParams(text, request) };
}

/** The least that does what is asked. */
function scopeOf({
  settlements = [],
  pickUp,
  reap,
  running = [],
  guard,
  probe,
  schedules = false,
}: TurnRequest): TurnScope {
  if (pickUp?.looks === true) return "look";
  if (pickUp?.only !== undefined) return "only";
  if (pickUp?.without !== undefined) return "without";
  const others =
    schedules || reap !== undefined || running.length > 0 || guard !== undefined || probe !== undefined;
  if (others || (pickUp !== undefined && settlements.length > 0)) return "whole";
  return pickUp === undefined ? "settling" : "pick-up";
}
