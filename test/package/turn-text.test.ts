import { readFileSync, readdirSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

import { numbered } from "../../src/core/sql/parameters.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import * as rows from "../../src/core/turn/answer-rows.ts";
import type { TurnScope } from "../../src/core/turn/clauses/clause.ts";
import type { PickUp } from "../../src/core/turn/turn-request.ts";
import { turnStatement } from "../../src/core/turn/turn-statement.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";

const turn = new URL("../../src/core/turn/", import.meta.url);
const FILES = readdirSync(turn, { recursive: true, encoding: "utf8" }).filter((name) => name.endsWith(".ts"));

const SCOPES: readonly TurnScope[] = ["whole", "pick-up", "settling", "without", "only", "look"];
const TEXTS = SCOPES.flatMap((scope) =>
  (["shallow", "deep"] as const).flatMap((depth) =>
    [true, false].flatMap((schedules) =>
      [true, false].flatMap((errors) =>
        [true, false].map((headers) => ({
          name: `${scope}, ${depth}${schedules ? "" : ", without schedules"}${errors ? "" : ", without errors"}${headers ? "" : ", without headers"}`,
          scope,
          ...turnText(tableNames(), { scope, depth, schedules, errors, headers }),
        })),
      ),
    ),
  ),
);

/** What breaks the rules of a file, each with its line. */
function faults(name: string, source: string): readonly string[] {
  const file = ts.createSourceFile(name, source, ts.ScriptTarget.ESNext, true);
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const isNumber = ts.isElementAccessExpression(node) && ts.isNumericLiteral(node.argumentExpression);
    if (isNumber) found.push(`by number: ${node.getText()}`);
    // What is no comment: a literal's text, or a part of one.
    const isText =
      ts.isStringLiteralLike(node) ||
      ts.isTemplateLiteralToken(node) ||
      ts.isTemplateHead(node) ||
      ts.isTemplateMiddleOrTemplateTail(node);
    if (isText && /\$\d/.test(node.text)) found.push(`numbered: ${/\$\d+/.exec(node.text)?.[0] ?? ""}`);
    const holes =
      ts.isArrayBindingPattern(node) && node.elements.some((element) => ts.isOmittedExpression(element));
    if (holes) found.push(`by place: ${node.getText()}`);
    ts.forEachChild(node, visit);
  };
  visit(file);
  return found;
}

test.each(FILES)("%s numbers no parameter, and reads no row by number", (name) => {
  expect(faults(name, readFileSync(fileURLToPath(new URL(name, turn)), "utf8"))).toEqual([]);
});

test("a parameter or a row that goes by a number is found", () => {
  const source =
    "const [, more] = row; const id = row[1]; const a = `SELECT $1::text, ${id} = $2`; // $3\nconst b = '$4'";
  expect(faults("a.ts", source)).toEqual([
    "by place: [, more]",
    "by number: row[1]",
    "numbered: $1",
    "numbered: $2",
    "numbered: $4",
  ]);
});

test.each(TEXTS)(
  "a turn's text ($name) has a number and a value for each parameter, and no more",
  ({ scope, text, parameters, clauses, owners }) => {
    const used = new Set([...text.matchAll(/\$(\d+)::text/g)].map(([, number]) => Number(number)));
    expect([...used].sort((a, b) => a - b)).toEqual(parameters.map((_, place) => place + 1));
    expect(text.replaceAll(/--[^\n]*|'[^']*'/g, "")).not.toMatch(/[^:]:[a-z]/i);
    const base = { types: ["a"], slots: 1, lockedBy: "w:n", leaseMs: 1, timeoutSeconds: 1, withinMs: 1 };
    const job = { id: "1", attempts: 1, lockedBy: "w:n" };
    const kinds: Readonly<Partial<Record<TurnScope, PickUp>>> = {
      without: { ...base, without: ["1"] },
      only: { ...base, only: ["1"] },
      look: { ...base, looks: true },
    };
    const { params } = turnStatement(
      (asked) => {
        expect(asked).toBe(scope);
        return { text, parameters, clauses, owners };
      },
      {
        ...(scope !== "settling" && { pickUp: kinds[scope] ?? base }),
        ...(scope !== "pick-up" && {
          settlements: [{ job, durationMs: 1, outcome: "done", resultText: null }],
        }),
        ...(scope !== "settling" &&
          scope !== "pick-up" && { guard: { worker: "w", forMs: 1, types: ["a"] }, probe: "p" }),
      },
    );
    expect(params).toHaveLength(parameters.length);
    expect(params).not.toContain(null);
  },
);

test("a text names its relations once each, and reads none that it lacks", () => {
  for (const { name, text } of TEXTS) {
    const named = [
      ...text.matchAll(/(?:^|,\n|RECURSIVE )(\w+)(?:\([\w, ]+\))? AS (?:(?:NOT )?MATERIALIZED )?\(/gm),
    ].map(([, relation]) => relation);
    expect(new Set(named).size, name).toBe(named.length);
    for (const relation of ["left_running", "wanted_types", "ranked", "made_ready", "backlog"])
      expect(named, name).toContain(relation);
  }
});

test("an answer's rows are of one width, and have their columns where the reader looks for them", () => {
  const shapes = Object.entries(rows as Readonly<Record<string, unknown>>);
  for (const [name, shape] of shapes) {
    if (typeof shape === "function") continue;
    const columns = shape as rows.RowShape<string>;
    const values = Object.fromEntries(Object.keys(columns).map((column) => [column, `'${column}'`]));
    const list = rows.rowText("'kind'", columns, values).split(", ");
    expect(list, name).toHaveLength(11);
    for (const [column, place] of Object.entries(columns)) expect(list[place]).toBe(`'${column}'`);
    expect(new Set(rows.rowText("'kind'", columns, values, true).match(/AS \w+/g)).size).toBe(11);
  }
});

test("parameters are numbered from the first, and what looks like one in a name, a literal or a comment is left alone", () => {
  const text = `SELECT :b::text, ':c', "d:e", ':f'':g', :a, :b -- the caller's :h\n FROM "x""y:i" WHERE j = ANY (:list) AND :a > 0`;
  expect(numbered(text, { a: "int4", b: "text", list: "int8[]" })).toEqual({
    text: `SELECT $1::text::text, ':c', "d:e", ':f'':g', $2::text::int4, $1::text -- the caller's :h\n FROM "x""y:i" WHERE j = ANY ($3::text::int8[]) AND $2::text::int4 > 0`,
    parameters: ["b", "a", "list"],
  });
});
