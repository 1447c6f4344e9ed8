import type { Token } from "./sql-tokens.ts";

/** What ends a condition, or another clause, that stands at the same depth. */
const END = new Set(
  [
    ...["WHERE", "GROUP", "HAVING", "WINDOW", "ORDER", "ROWS", "LIMIT", "FOR", "UNION", "RETURNING"],
    ...["ON", "JOIN", "LEFT", "INNER", "CROSS", "SET", "DO", "THEN", "AS", "FROM", "EXECUTE", "LOOP", ";"],
  ].values(),
);

/** The tokens that belong to the keyword at `at`. */
export function clause(tokens: readonly Token[], at: number): readonly Token[] {
  const depth = tokens[at]?.depth ?? 0;
  const end = tokens.findIndex(
    (token, index) =>
      index > at &&
      (token.depth < depth ||
        (token.depth === depth && END.has(token.text) && tokens[index - 1]?.text !== "DISTINCT")),
  );
  return tokens.slice(at + 1, end < 0 ? undefined : end);
}

/** The token at `at`; if it is a bracket, all up to its other half. */
export function group(tokens: readonly Token[], at: number): readonly Token[] {
  const first = tokens[at];
  if (first?.text !== "(" && first?.text !== "CASE") return tokens.slice(at, at + 1);
  const end = tokens.findIndex((token, index) => index > at && token.depth === first.depth);
  return tokens.slice(at, end + 1);
}

/** What is in the brackets that `tokens` is wholly enclosed by; undefined where it is not, or is a query. */
export function enclosed(tokens: readonly Token[], bracket: "(" | "CASE"): readonly Token[] | undefined {
  const whole = tokens[0]?.text === bracket && group(tokens, 0).length === tokens.length;
  return whole && tokens[1]?.text !== "SELECT" ? tokens.slice(1, -1) : undefined;
}

/** `tokens` divided at a word of their own depth. */
export function divided(tokens: readonly Token[], word: string): readonly (readonly Token[])[] {
  const depth = tokens[0]?.depth;
  const parts: Token[][] = [[]];
  tokens.forEach((token, at) => {
    if (token.text === word && token.depth === depth && !isBetween(tokens, at)) parts.push([]);
    else parts.at(-1)?.push(token);
  });
  return parts;
}

/** Whether it is the AND of a BETWEEN, which divides no condition. */
export function isBetween(tokens: readonly Token[], at: number): boolean {
  const depth = tokens[at]?.depth;
  const before = tokens.findLast(
    (token, index) =>
      index < at && token.depth === depth && /^(?:AND|OR|BETWEEN|WHERE|WHEN)$/.test(token.text),
  );
  return tokens[at]?.text === "AND" && before?.text === "BETWEEN";
}

/** What the SELECT at `at` lists, each without its name. */
export function resultList(tokens: readonly Token[], at: number): readonly (readonly Token[])[] {
  const depth = tokens[at]?.depth ?? 0;
  const end = tokens.findIndex(
    (token, index) =>
      index > at &&
      (token.depth < depth ||
        (token.depth === depth &&
          (token.text === "WHERE" ||
            (token.text === "FROM" && tokens[index - 1]?.text !== "DISTINCT") ||
            isPutIn(tokens, index)))),
  );
  const list = tokens.slice(at + 1, end < 0 ? undefined : end);
  return divided(list, ",").flatMap((result) => divided(result, "AS").slice(0, 1));
}

/** Whether a text that TypeScript puts in has the FROM and the WHERE of its query, of which the rest follows. */
function isPutIn(tokens: readonly Token[], at: number): boolean {
  const [before, after] = [tokens[at - 1]?.text ?? "", tokens[at + 1]?.text ?? ""];
  return (
    tokens[at]?.text.startsWith("${") === true && /^\w+$/.test(before) && /^(?:AND|ORDER|LIMIT)$/.test(after)
  );
}

/** The conditions of the SELECT at `at` that follow such a text. */
export function behindText(tokens: readonly Token[], at: number): readonly Token[] {
  const depth = tokens[at]?.depth;
  const next = tokens.findIndex(
    (token, index) =>
      index > at &&
      (token.depth < (depth ?? 0) || ["FROM", "WHERE"].includes(token.text) || isPutIn(tokens, index)),
  );
  const found = next >= 0 && tokens[next]?.depth === depth && isPutIn(tokens, next);
  return found && tokens[next + 1]?.text === "AND" ? clause(tokens, next + 1) : [];
}

/** The results of a CASE, of which `content` is the inside. */
export function resultsOf(content: readonly Token[]): readonly (readonly Token[])[] {
  const depth = content[0]?.depth;
  return content.flatMap((token, at) => {
    if (token.depth !== depth || (token.text !== "THEN" && token.text !== "ELSE")) return [];
    const end = content.findIndex(
      ({ text, ...other }, index) =>
        index > at && other.depth === depth && (text === "WHEN" || text === "ELSE"),
    );
    return [content.slice(at + 1, end < 0 ? undefined : end)];
  });
}
