import { expect, test } from "vitest";

import { arrayLiteral, type Element } from "../../src/core/sql/array-literal.ts";
import { arrayOf } from "../support/array-text.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

const HARD: readonly Element[] = [
  "a",
  "",
  "NULL",
  "null",
  null,
  undefined,
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
  const list = HARD.map((element) => (typeof element === "number" ? String(element) : (element ?? null)));
  expect(row?.["list"]).toEqual(list);
  expect(arrayOf(arrayLiteral(HARD))).toEqual(list);
});

test("a list of nulls alone is empty, and unnest fills it up", async () => {
  expect([arrayLiteral([]), arrayLiteral([null, undefined])]).toEqual(["{}", "{}"]);
  const rows = await queue.rows(
    "SELECT * FROM unnest($1::text::int8[], $2::text::text[]) AS x(id, note)",
    [
      ["1", "2"],
      [null, null],
    ].map(arrayLiteral),
  );
  expect(rows.map(({ note }) => note)).toEqual([null, null]);
});
