/** One word, literal or sign of a statement's text. */
export interface Token {
  readonly text: string;
  /** Where it begins in the file. */
  readonly start: number;
  readonly end: number;
  /** How many brackets are open around it; CASE … END is a pair of brackets too. */
  readonly depth: number;
}

/** What a text of the queue is made of. Anything else is refused, so that nothing is read wrongly in silence. */
const TOKEN =
  /(?<skip>(?:\s|\\n)+|(?:--|#)[^\n]*)|'(?:[^']|'')*'|\$?\$\{(?:[^{}]|\{(?:[^{}]|\{[^{}]*\})*\})*\}|\$\w*\$|\$\d+|%\d*\$?[sIL]\b|[A-Za-z_]\w*|\d+(?:\.\d+)?|::|:=|:[a-z]\w*|<=|>=|<>|!?~|%%|\|\||[-+*/%=<>(),.;[\]{}]/y;

/** The tokens of `source` from `start` to `end`: SQL, with `${…}` for what TypeScript puts in. */
export function tokensOf(source: string, start: number, end: number): readonly Token[] {
  const tokens: Token[] = [];
  const open: string[] = [];
  for (let at = start; at < end; at = TOKEN.lastIndex) {
    TOKEN.lastIndex = at;
    const match = TOKEN.exec(source);
    if (match === null) throw new Error(`not read as SQL: ${source.slice(at, at + 40)}`);
    const [text] = match;
    if (match.groups?.["skip"] !== undefined) continue;
    // END closes a CASE only: that of a trigger's block has no bracket.
    const closes = (text === ")" && open.at(-1) === "(") || (text === "END" && open.at(-1) === "CASE");
    if (closes) open.pop();
    tokens.push({ text, start: at, end: TOKEN.lastIndex, depth: open.length });
    if (text === "(" || text === "CASE") open.push(text);
  }
  if (open.length > 0) throw new Error(`${open.join(" ")} is never closed`);
  return tokens;
}

/** The words of a range, as a reader would say them. */
export function spoken(source: string, tokens: readonly Token[]): string {
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (first === undefined || last === undefined) return "";
  return source
    .slice(first.start, last.end)
    .replaceAll(/--[^\n]*/g, " ")
    .replaceAll(/\s+/g, " ");
}
