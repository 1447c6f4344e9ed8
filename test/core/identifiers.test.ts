import fc from "fast-check";
import { expect, test } from "vitest";

import { derivedName, quoteLiteral, quoteName, tableNames } from "../../src/core/sql/table-names.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const bytes = (text: string): number => new TextEncoder().encode(text).length;
/** Names that PostgreSQL can hold: quotes, blanks, backslashes, dollars, any alphabet. */
const name = fc
  .string({
    unit: fc.oneof(
      fc.constantFrom('"', "'", "\\", "$", ".", ";", "-", " ", "%"),
      fc.string({ unit: "binary", minLength: 1, maxLength: 1 }),
    ),
    minLength: 1,
    maxLength: 20,
  })
  .filter((text) => text.isWellFormed() && !/\p{Cc}/u.test(text) && bytes(text) <= 63);

test("every name that is accepted means itself to PostgreSQL, as an identifier and as a literal", async () => {
  await fc.assert(
    fc.asyncProperty(name, async (text) => {
      const [row] = await queue.rows(`SELECT ${quoteLiteral(text)} AS literal, 1 AS ${quoteName(text)}`);
      expect(row?.["literal"]).toBe(text);
      expect(Object.keys(row ?? {}).at(-1)).toBe(text);
    }),
    { numRuns: 200, endOnFailure: true },
  );
});

test("a literal means the same whatever standard_conforming_strings says", async () => {
  const { client } = await queue.session();
  for (const setting of ["on", "off"]) {
    await client.query(`SET standard_conforming_strings = ${setting}`);
    const { rows } = await client.query<{ text: string }>(
      `SELECT ${quoteLiteral(`it's a \\' "path"`)} AS text`,
    );
    expect(rows).toEqual([{ text: `it's a \\' "path"` }]);
  }
});

test("derived names and channels fit into 63 bytes, and differ where their tables differ", () => {
  const derived = (schema: string, table: string): string[] => {
    const { waiting, channel } = tableNames({ schema, table });
    return [waiting, channel];
  };
  fc.assert(
    fc.property(name, name, name, name, (schema, table, otherSchema, otherTable) => {
      for (const text of [derivedName(table, "waiting"), tableNames({ schema, table }).channel]) {
        expect(bytes(text)).toBeLessThanOrEqual(63);
        expect(text.isWellFormed()).toBe(true);
      }
      fc.pre(schema !== otherSchema || table !== otherTable);
      const [waiting, channel] = derived(schema, table);
      expect(derived(otherSchema, otherTable)).not.toContain(channel);
      expect(derived(otherSchema, otherTable)).not.toContain(waiting);
    }),
  );
});

test("two long tables that begin alike, and schemas and tables whose names run together, get names of their own", () => {
  const long = "x".repeat(62);
  expect(derivedName(`${long}a`, "waiting")).not.toBe(derivedName(`${long}b`, "waiting"));
  expect(tableNames({ schema: "a_b", table: "c" }).channel).not.toBe(
    tableNames({ schema: "a", table: "b_c" }).channel,
  );
  expect(tableNames({ schema: "public", table: "4_app_jobs" }).channel).not.toBe(
    tableNames({ schema: "app_", table: "jobs" }).channel,
  );
});
