import postgres from "postgres";
import { queueSuite, runnerSuite, type Subject } from "pqrun/conformance";
import { describe, expect, onTestFinished, test } from "vitest";

import { postgresExecutor, type PostgresTransaction } from "../../src/adapters/postgres/postgres.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";

const database = await conformanceDatabase();

type Row = Readonly<Record<string, unknown>>;

/** As an application renames what it reads: an array of values becomes an object of them. */
const renamed = (row: Row): Row =>
  Object.fromEntries(Object.entries(row).map(([key, value]) => [`my_${key}`, value]));
const inCapitals = (value: unknown): unknown => (typeof value === "string" ? value.toUpperCase() : value);

/** All that an owner may have made of text that is read. */
const changing = {
  transform: { ...postgres.camel, row: { from: renamed }, value: { from: inCapitals } },
  types: { text: { to: 25, from: [25], serialize: String, parse: (text: string) => ({ text }) } },
  max: 6,
  fetch_types: false,
  onnotice: () => undefined,
};

async function open(): Promise<Subject<PostgresTransaction>> {
  await database.empty();
  const sql = postgres(database.url, changing);
  return {
    executor: postgresExecutor(sql),
    rival: database.rival,
    begin: async (work) => {
      await sql.begin((tx) => work(tx));
    },
    close: () => sql.end({ timeout: 0 }),
  };
}

describe("postgres.js whose owner changes rows, values and texts", () => {
  const lacks = { batch: "its statements are an application's own, and read as its owner has them" };
  queueSuite({ test, open, lacks });
  runnerSuite({ test, open });

  test("text is read byte for byte, a mark at its beginning too", async () => {
    const subject = await open();
    onTestFinished(() => subject.close());
    const store = new PgJobStore(subject.executor);
    const payload = { text: "\uFEFFzażółć 🐘" };
    const { id } = await store.enqueue("\uFEFFa", payload);
    expect(await store.get(id)).toMatchObject({ type: "\uFEFFa", payload });
  });

  test("an application's own statement is read as its owner has it", async () => {
    const sql = postgres(database.url, {
      ...changing,
      transform: { value: { from: inCapitals } },
      types: {},
    });
    onTestFinished(() => sql.end({ timeout: 0 }));
    const rows = await postgresExecutor(sql).transaction?.((tx) => tx.query("SELECT 'x' AS a, 7 AS n"));
    expect(rows).toEqual([{ a: "X", n: 7 }]);
  });
});

test.each<[what: string, row: (row: Row) => unknown]>([
  ["makes something else of a row", (row) => ({ size: Object.keys(row).length })],
  ["leaves a value out", ({ 0: _, ...rest }) => rest],
  ["throws at an array", (row) => (row["id"] as string).length],
])("a client is refused when the executor is made whose transform.row %s", (_, row) => {
  const sql = postgres(database.url, { transform: { row } });
  expect(() => postgresExecutor(sql)).toThrow(/^sql: expected a client without transform\.row/);
});

test("so is one that sends other text than it is given", () => {
  const text = { to: 25, from: [], serialize: (value: string) => value.trim() + "!", parse: String };
  const sql = postgres(database.url, { types: { text } });
  expect(() => postgresExecutor(sql)).toThrow(/^sql: expected a client that sends text as it is/);
});
