import { expect, onTestFinished, test, vi } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { Check, Finding } from "../../src/cli/doctor/finding.ts";
import { listenCheck } from "../../src/cli/doctor/listen-check.ts";
import { clockCheck, transactionsCheck } from "../../src/cli/doctor/server-checks.ts";
import type { ListenCallbacks, SqlExecutor } from "../../src/core/executor.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { testPool } from "../support/pool.ts";
import { tableDatabase } from "../support/table-database.ts";
import { session } from "../support/table-sessions.ts";

/** What a check finds through a pool, of which a member may be another's. */
async function findings(
  check: Check,
  url: string,
  between: (executor: SqlExecutor) => object = () => ({}),
): Promise<readonly Finding[]> {
  const pool = testPool(url, { max: 2 });
  try {
    const executor = pgExecutor(pool);
    const patient = { executor: { ...executor, ...between(executor) }, names: tableNames() };
    return await check(patient as unknown as Parameters<Check>[0]);
  } finally {
    await pool.end();
  }
}

/** Statements in which a text stands for another. */
const replacing =
  (text: string, by: string) =>
  (executor: SqlExecutor): Partial<SqlExecutor> => ({
    query: (statement, params, options) => executor.query(statement.replace(text, by), params, options),
  });

test.each([
  ["- interval '1 hour'", "3600 s ahead of"],
  ["+ interval '1 hour'", "3600 s behind"],
])("doctor finds a database's clock that is off by %s", async (offset, says) => {
  await using database = await tableDatabase();
  const off = replacing("clock_timestamp()", `(clock_timestamp() ${offset})`);
  const [finding] = await findings(clockCheck, database.url, off);
  expect(finding).toMatchObject({ check: "clock", severity: "hint", cure: null });
  // The trip may take a second of a busy machine's.
  expect(finding?.what).toMatch(new RegExp(says.replace("3600", "3[56]\\d\\d")));
  expect(await findings(clockCheck, database.url)).toEqual([]);
});

test("doctor finds a transaction that was left open, and its cure ends it", async () => {
  await using database = await tableDatabase();
  await using idle = await session(database.url);
  await idle.rows("BEGIN");
  await idle.rows("SELECT txid_current()");
  // As if five minutes were none.
  const soon = replacing("5 * interval '1 min'", "interval '0'");
  const found = await findings(transactionsCheck, database.url, soon);
  const mine = found.find(({ cure }) => cure === `SELECT pg_terminate_backend(${idle.pid})`);
  expect(mine?.what).toMatch(/idle in transaction\) has had a transaction open for 0 minutes/);
  await database.rows(mine?.cure ?? "");
  await expect
    .poll(async () => (await findings(transactionsCheck, database.url, soon)).map(({ cure }) => cure), {
      timeout: 60_000,
    })
    .not.toContain(mine?.cure);
  expect(await findings(transactionsCheck, database.url)).toEqual([]);
});

test("doctor finds a LISTEN that hears nothing, one that is lost, and a driver without any", async () => {
  await using database = await tableDatabase();
  expect(await findings(listenCheck, database.url)).toEqual([]);
  expect((await findings(listenCheck, database.url, () => ({ listen: undefined })))[0]?.what).toMatch(
    /no LISTEN/,
  );
  const lost = await findings(listenCheck, database.url, () => ({
    listen: (_: string, callbacks: ListenCallbacks) => {
      callbacks.onLost(true);
      return Promise.resolve({ stop: () => Promise.resolve() });
    },
  }));
  expect(lost[0]).toMatchObject({ check: "listen", severity: "problem" });
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout"] });
  onTestFinished(() => {
    vi.useRealTimers();
  });
  const deaf = {
    executor: {
      listen: () => Promise.resolve({ stop: () => Promise.resolve() }),
      query: () => Promise.resolve([]),
    },
  };
  const looking = listenCheck(deaf as unknown as Parameters<Check>[0]);
  await vi.advanceTimersByTimeAsync(5_000);
  expect((await looking)[0]?.what).toMatch(/hears nothing, as behind a pooler in transaction mode/);
});
