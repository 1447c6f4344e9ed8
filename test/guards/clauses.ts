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
  for (const token of tokens) {
    if (token.text === word && token.depth === depth) parts.push([]);
    else parts.at(-1)?.push(token);
  }
  return parts;
}

/** What the SELECT at `at` lists, each without its name. */
export function resultList(tokens: readonly Token[], at: number): readonly (readonly Token[])[] {
  const depth = tokens[at]?.depth ?? 0;
  const end = tokens.findIndex(
    (token, index) =>
      index > at &&
      (token.depth < depth ||
        (token.depth === depth &&
          (token.text === "WHERE" || (token.text === "FROM" && tokens[index - 1]?.text !== "DISTINCT")))),
  );
  const list = tokens.slice(at + 1, end < 0 ? undefined : end);
  return divided(list, ",").flatMap((result) => divided(result, "AS").slice(0, 1));
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
