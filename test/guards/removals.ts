import { clause, divided, enclosed, group, behindText, isBetween, resultList, resultsOf } from "./clauses.ts";
import type { Token } from "./sql-tokens.ts";

/** Something that a statement can be without. */
export interface Removal {
  readonly tokens: readonly Token[];
  /** What stands there instead: SQL that lets everything through, or nothing; or nothing at all. */
  readonly becomes: "true" | "false" | "ON true" | "";
}

/** All that lets rows or cases through or keeps them out, that locks, bounds or orders them. */
export function removalsOf(tokens: readonly Token[]): readonly Removal[] {
  // A text that is a condition as a whole begins with a bracket.
  const whole = tokens[0]?.text === "(" && tokens[1]?.text !== "SELECT" ? conditions(tokens) : [];
  const removals = [...whole, ...tokens.flatMap((token, at) => removalsAt(tokens, token, at))];
  tokens.forEach((token, at) => {
    if ((token.text !== "AND" && token.text !== "OR") || tokens[at + 1]?.text === "REPLACE") return;
    if (isBetween(tokens, at)) return;
    const operand = tokens.slice(at + 1).find(({ text }) => text !== "(" && text !== "NOT");
    if (!removals.some((removal) => removal.tokens.some(({ start }) => start === operand?.start))) {
      throw new Error(`a condition that no removal meets: ${token.text} ${operand?.text ?? ""}`);
    }
  });
  return removals;
}

function removalsAt(tokens: readonly Token[], { text }: Token, at: number): readonly Removal[] {
  const before = tokens[at - 1]?.text ?? "";
  const after = tokens[at + 1]?.text ?? "";
  const all = [...tokens.slice(at, at + 1), ...clause(tokens, at)];
  switch (text) {
    case "WHERE":
    case "HAVING":
      return conditions(clause(tokens, at));
    case "ON":
      if (after === "CONFLICT") return [without(conflict(tokens, at))];
      // Not the ON of a trigger.
      return joins(tokens, at) ? conditions(clause(tokens, at)) : [];
    case "WHEN":
    case "IF":
    case "ELSIF":
      return ["EXCEPTION", "END", "TRIGGER"].includes(before) ? [] : branch(clause(tokens, at));
    case "SELECT":
      return [...resultList(tokens, at).flatMap(resultConditions), ...conditions(behindText(tokens, at))];
    case "USING":
      // Not the USING of a RAISE, nor that of a DELETE.
      return after === "ERRCODE" || !joins(tokens, at)
        ? []
        : [{ tokens: [...tokens.slice(at, at + 1), ...group(tokens, at + 1)], becomes: "ON true" }];
    case "bool_or":
      return conditions(enclosed(group(tokens, at + 1), "(") ?? [], "false");
    case "LIMIT":
    case "ORDER":
      // An aggregate WITHIN GROUP (ORDER BY …) is none without.
      if (before === "(" && tokens[at - 2]?.text === "GROUP") return [];
      return [without(all)];
    case "DISTINCT":
      return after === "FROM" ? [] : [without(tokens.slice(at, at + 1))];
    case "FOR":
      return after === "UPDATE" || after === "NO" ? locks(tokens, at) : [];
    default:
      return [];
  }
}

/** A condition that is a result. */
function resultConditions(whole: readonly Token[]): readonly Removal[] {
  const result = enclosed(whole.at(-2)?.text === "::" ? whole.slice(0, -2) : whole, "(") ?? whole;
  return ["OR", "AND"].some((word) => divided(result, word).length > 1) ? conditions(result) : [];
}

const without = (tokens: readonly Token[]): Removal => ({ tokens, becomes: "" });

function joins(tokens: readonly Token[], at: number): boolean {
  const depth = tokens[at]?.depth;
  const keyword = tokens.findLast(
    (token, index) =>
      index < at && token.depth === depth && /^(?:JOIN|TRIGGER|UPDATE|INSERT|DELETE|GRANT)$/.test(token.text),
  );
  return keyword?.text === "JOIN";
}

/** ON CONFLICT … as a whole: its own conditions are found as such. */
function conflict(tokens: readonly Token[], at: number): readonly Token[] {
  const depth = tokens[at]?.depth ?? 0;
  const end = tokens.findIndex(
    (token, index) => index > at && (token.depth < depth || token.text === "RETURNING"),
  );
  return tokens.slice(at, end < 0 ? undefined : end);
}

/** A lock that no reference to the row gets past, one that waits, and none. */
function locks(tokens: readonly Token[], at: number): readonly Removal[] {
  const weak = tokens[at + 1]?.text === "NO";
  const end = at + (weak ? 4 : 2);
  const skips = tokens[end]?.text === "SKIP";
  return [
    ...(weak ? [without(tokens.slice(at + 1, at + 3))] : []),
    ...(skips ? [without(tokens.slice(end, end + 2))] : []),
    without(tokens.slice(at, skips ? end + 2 : end)),
  ];
}

/** A branch without each part of its condition, and one that is never taken. */
function branch(condition: readonly Token[]): readonly Removal[] {
  return [...conditions(condition), { tokens: enclosed(condition, "(") ?? condition, becomes: "false" }];
}

/** A condition without each of its parts: what lets everything through is true in an AND, false in an OR. */
function conditions(condition: readonly Token[], neutral: "true" | "false" = "true"): readonly Removal[] {
  const inBrackets = enclosed(condition, "(");
  if (inBrackets !== undefined) return conditions(inBrackets, neutral);
  if (condition.length === 0) return [];
  const whole = { tokens: condition, becomes: neutral };
  const either = divided(condition, "OR");
  if (either.length > 1) return [whole, ...either.flatMap((part) => conditions(part, "false"))];
  const each = divided(condition, "AND");
  if (each.length > 1) {
    // An AND in an OR is a part of it as a whole too.
    return [...(neutral === "false" ? [whole] : []), ...each.flatMap((part) => conditions(part))];
  }
  const cases = enclosed(condition, "CASE");
  const results = cases === undefined ? [] : resultsOf(cases).filter((result) => result.length > 1);
  return [whole, ...results.flatMap((result) => conditions(result, neutral))];
}
