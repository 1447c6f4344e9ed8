import type { Token } from "./sql-tokens.ts";

interface Part {
  readonly name: string;
  readonly depth: number;
}

/** The name of the part of its statement that each token stands in: a CTE's, and the column that is set there. */
export function partNames(tokens: readonly Token[]): readonly string[] {
  const open: Part[] = [];
  let column: Part | undefined;
  return tokens.map(({ text, depth }, at) => {
    while ((open.at(-1)?.depth ?? -1) >= depth) open.pop();
    if (
      column !== undefined &&
      depth <= column.depth &&
      (text === "WHERE" || text === "FROM" || text === ")")
    ) {
      column = undefined;
    }
    const before = tokens[at - 1];
    if (text === "=" && before?.depth === depth && isAssigned(tokens, at))
      column = { name: before.text, depth };
    if (text === "(") {
      const name = cteName(tokens, at);
      if (name !== undefined) open.push({ name, depth });
    }
    const cte = open.at(-1)?.name ?? "";
    return column === undefined ? cte : `${cte}.${column.name}`;
  });
}

/** `SET name =` or, where an assignment has gone before, `, name =`. */
function isAssigned(tokens: readonly Token[], at: number): boolean {
  const before = tokens[at - 2];
  return before?.depth === tokens[at]?.depth && (before?.text === "SET" || before?.text === ",");
}

/** `name AS (`, `name AS MATERIALIZED (` or `name(columns) AS (`. */
function cteName(tokens: readonly Token[], at: number): string | undefined {
  const back = tokens[at - 1]?.text === "MATERIALIZED" ? at - 2 : at - 1;
  if (tokens[back]?.text !== "AS") return undefined;
  const depth = tokens[at]?.depth;
  const word = tokens.findLast(
    (token, index) => index < back && token.depth === depth && /^(?:\w+|\$\{.*\})$/.test(token.text),
  );
  // Of a name that TypeScript puts in, its own there, or the last that it may be.
  return word?.text.match(/(\w+)"?\}?$/)?.[1];
}
