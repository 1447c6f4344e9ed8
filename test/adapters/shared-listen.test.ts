// What several executors over one pool or client share, which the conformance suite can't open twice.
import { PGlite } from "@electric-sql/pglite";
import { Client, type Pool } from "pg";
import postgres from "postgres";
import { afterAll, beforeEach, expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { pgliteExecutor } from "../../src/adapters/pglite.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { Listening, SqlExecutor } from "../../src/core/executor.ts";
import { freshDatabase, withClient } from "../support/postgres.ts";
import { testPool } from "../support/pool.ts";

const database = await freshDatabase();
afterAll(() => database.drop());

const pglite = await PGlite.create();
afterAll(() => pglite.close());

/** Two executors over one object of the driver's. */
const TWICE: Readonly<Record<string, () => Promise<readonly [SqlExecutor, SqlExecutor]>>> = {
  "a pg Pool": () => {
    const pool = testPool(database.url, { max: 4 });
    onTestFinished(() => pool.end());
    return Promise.resolve([pgExecutor(pool), pgExecutor(pool)]);
  },
  "a pg Client": async () => {
    const client = new Client({ connectionString: database.url });
    await client.connect();
    onTestFinished(() => client.end());
    return [pgExecutor(client), pgExecutor(client)];
  },
  "a client of postgres.js": () => {
    const sql = postgres(database.url, { max: 2 });
    onTestFinished(() => sql.end({ timeout: 0 }));
    return Promise.resolve([postgresExecutor(sql), postgresExecutor(sql)]);
  },
  PGlite: () => Promise.resolve([pgliteExecutor(pglite), pgliteExecutor(pglite)]),
};

interface Ear {
  readonly heard: string[];
  readonly listening: Listening;
}

async function listen(executor: SqlExecutor, channel = "shared"): Promise<Ear> {
  const heard: string[] = [];
  const nothing = (): void => undefined;
  const onNotify = (payload: string): void => void heard.push(payload);
  const listening = await executor.listen?.(channel, { onNotify, onReopened: nothing, onLost: nothing });
  if (listening === undefined) throw new Error("it has no LISTEN");
  return { heard, listening };
}

const notify = (executor: SqlExecutor, payload: string): Promise<unknown> =>
  executor.query("SELECT pg_notify($1, $2)::text", ["shared", payload]);

for (const [name, open] of Object.entries(TWICE)) {
  test(`two executors over ${name}: the one that stops listening leaves the other its session`, async () => {
    const [one, other] = await open();
    const [leaving, staying] = [await listen(one), await listen(other)];
    await leaving.listening.stop();
    await leaving.listening.stop();
    await notify(one, "heard");
    await expect.poll(() => staying.heard).toEqual(["heard"]);
    expect(leaving.heard).toEqual([]);
    await staying.listening.stop();
  });

  test(`over ${name} one may stop while another begins`, async () => {
    const [one, other] = await open();
    const first = await listen(one);
    const [second] = await Promise.all([listen(other), first.listening.stop()]);
    await notify(one, "heard");
    await expect.poll(() => second.heard).toEqual(["heard"]);
    await second.listening.stop();
  });
}

/** The sessions of the database that have sent LISTEN last. */
const listeners = (): Promise<number> =>
  withClient(database.url, async (client) => {
    const { rows } = await client.query<{ n: number }>(
      `SELECT count(*)::int AS n FROM pg_stat_activity
        WHERE datname = current_database() AND query LIKE 'LISTEN %'`,
    );
    return rows[0]?.n ?? 0;
  });

let pool: Pool;
beforeEach(() => {
  pool = testPool(database.url, { max: 2 });
  onTestFinished(() => pool.end());
});

test("whatever listens through a pool, to whatever channel, takes one of its clients, and gives it back at last", async () => {
  const ears = await Promise.all(
    Array.from({ length: 10 }, (_, n) => listen(pgExecutor(pool), n % 2 === 0 ? "shared" : "other")),
  );
  expect(await listeners()).toBe(1);
  await notify(pgExecutor(pool), "one");
  await expect.poll(() => ears.filter(({ heard }) => heard.includes("one"))).toHaveLength(5);
  await Promise.all(ears.map(({ listening }) => listening.stop()));
  await expect.poll(listeners).toBe(0);
});

test("of many that find a session silent only the first replaces it", async () => {
  const ears = await Promise.all(Array.from({ length: 5 }, () => listen(pgExecutor(pool))));
  let connected = 0;
  pool.on("connect", () => (connected += 1));
  await Promise.all(ears.map(({ listening }) => listening.reopen()));
  expect(connected).toBe(1);
  await notify(pgExecutor(pool), "all");
  await expect.poll(() => ears.filter(({ heard }) => heard.includes("all"))).toHaveLength(5);
  await Promise.all(ears.map(({ listening }) => listening.stop()));
});

test("a LISTEN for which the pool has no client is refused in ten seconds, and takes none that comes later", async () => {
  const lent = [await pool.connect(), await pool.connect()];
  await expect(listen(pgExecutor(pool))).rejects.toThrow("no session could LISTEN within 10000 ms");
  for (const client of lent) client.release();
  await pool.query("SELECT 1");
  expect(await listeners()).toBe(0);
});
