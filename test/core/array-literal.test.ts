import { expect, test } from "vitest";

import { arrayLiteral, columnLiteral } from "../../src/core/sql/array-literal.ts";
import { arrayOf } from "../support/array-text.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

const HARD: readonly (string | number)[] = [
  "a",
  "",
  "NULL",
  "null",
  `"`,
  "\\",
  `\\"`,
  "a,b",
  "{}",
  `{"a":"\\"\\u00e9\\n"}`,
  "  blank  ",
  "line\nbreak\ttab",
  "é😀",
  "'quoted'",
  7,
  -0.5,
];

test("PostgreSQL reads an array's text as the list that it was made of", async () => {
  const [row] = await queue.rows("SELECT $1::text::text[] AS list", [arrayLiteral(HARD)]);
  const list = HARD.map(String);
  expect(row?.["list"]).toEqual(list);
  expect(arrayOf(arrayLiteral(HARD))).toEqual(list);
});

test("a column of nulls alone is empty, and unnest fills it up", async () => {
  expect([columnLiteral([], ""), columnLiteral([null, undefined], "")]).toEqual(["{}", "{}"]);
  const rows = await queue.rows("SELECT * FROM unnest($1::text::int8[], $2::text::text[]) AS x(id, note)", [
    columnLiteral(["1", "2"], -1),
    columnLiteral([null, null], ""),
  ]);
  expect(rows.map(({ note }) => note)).toEqual([null, null]);
});

test("what is absent among what is there is what stands for it, never a NULL by name", () => {
  expect(arrayOf(columnLiteral(["NULL", null, "a", undefined], ""))).toEqual(["NULL", "", "a", ""]);
  expect(arrayOf(columnLiteral([null, 7], -1))).toEqual(["-1", "7"]);
});
