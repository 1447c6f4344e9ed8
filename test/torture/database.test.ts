// The second source is a judge too: that it sees what it is there for is shown on rows that are wrong.
import { afterAll, beforeEach, expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { testPool } from "../support/pool.ts";
import { freshDatabase } from "../support/postgres.ts";
import { Accountant } from "./account.ts";
import { accountRows, prepareDatabase, readTriggers } from "./database.ts";
import { TEXT } from "./jobs.ts";
import { LedgerView } from "./ledger-view.ts";
import { accountTicks, stopSchedules } from "./schedules.ts";
import { snapshotNow, stillDue } from "./still-due.ts";

const database = await freshDatabase();
await prepareDatabase(database.url, []);
const pool = testPool(database.url);
const executor = pgExecutor(pool);

afterAll(async () => {
  await pool.end();
  await database.drop();
});
beforeEach(() => pool.query("TRUNCATE jobs, torture_effects, torture_altered, torture_audit"));

const IS = { key: null, due: null, priority: 0, most: 5, timeout: null, text: TEXT };

async function insert(payload: object, columns: Readonly<Record<string, unknown>> = {}): Promise<string> {
  const names = Object.keys(columns);
  const { rows } = await pool.query<{ id: string }>(
    `INSERT INTO jobs (${["job_type", "payload", ...names].join(", ")})
     VALUES ($1, $2${names.map((_, index) => `, $${index + 3}`).join("")}) RETURNING id::text AS id`,
    ["quick", payload, ...Object.values(columns)],
  );
  return rows[0]?.id ?? "skipped";
}

const set = async (id: string, assignments: string): Promise<void> => {
  await pool.query(`UPDATE jobs SET ${assignments} WHERE id = $1`, [id]);
};

test("what is stored other than it was sent is found, column by column", async () => {
  await insert({ m: "right", is: IS });
  await insert({ m: "key", is: IS }, { dedupe_key: "NULL" });
  await insert({ m: "due", is: { ...IS, due: Date.now() } }, { run_after: "2031-01-01" });
  await insert({ m: "now", is: IS }, { run_after: "2031-01-01" });
  await insert({ m: "most", is: { ...IS, most: 1, priority: 2, timeout: 3 } });
  const ledger = new LedgerView();
  await readTriggers(database.url, ledger);
  expect(ledger.found.map(({ account, why }) => [account, why.replaceAll(/\d{4,}/g, "N")])).toEqual(
    [
      ["altered", "stored dedupe_key NULL"],
      ["altered", "stored run_after N ms off"],
      ["altered", "stored run_after N ms off"],
      ["altered", "stored priority 0, max_attempts 5, timeout_seconds none"],
    ].reverse(), // Ids fall.
  );
});

test("rows are skipped, and refused at their pick-up, at their settlement and at their reap, and that is counted", async () => {
  expect(await insert({ m: "skip", skip: true })).toBe("skipped");
  const [pickUp, settle, result] = await Promise.all(
    ["denyPickUp", "denySettle", "denyResult"].map((deny) => insert({ m: deny, deny })),
  );
  if (pickUp === undefined || settle === undefined || result === undefined) throw new Error("no row");
  const running = "status = 'RUNNING', attempts = attempts + 1, locked_by = 'w:n'";
  await expect(set(pickUp, running)).rejects.toThrow("denyPickUp");
  await set(pickUp, "created_at = created_at - interval '1 min'");
  await set(pickUp, running);
  for (const id of [settle, result]) await set(id, running);
  await expect(set(settle, "status = 'DONE'")).rejects.toThrow("denySettle");
  await expect(set(settle, "status = 'READY', locked_by = NULL")).rejects.toThrow("denySettle");
  await set(settle, "created_at = created_at - interval '1 min'");
  await expect(set(settle, "status = 'DONE'")).rejects.toThrow("denySettle");
  await set(settle, "status = 'READY', locked_by = NULL");
  await set(settle, running);
  await set(settle, "status = 'DONE'");
  await expect(set(result, "status = 'DONE', result = '{}'")).rejects.toThrow("denyResult");
  await set(result, "status = 'DONE'");
  expect(await readTriggers(database.url, new LedgerView())).toEqual({ skipped: 1, refused: 5 });
});

test("the audit has each change with its writer, and the accounts read it", async () => {
  const id = await insert({ m: "m1" });
  await set(id, "status = 'RUNNING', attempts = 1, locked_by = 'w:n'");
  await set(id, `status = 'DONE', result = '{"fence": "1/zombie:n"}'`);
  await set(id, "status = 'FAILED'");
  const ledger = new LedgerView();
  ledger.add({ k: "intent", m: ["m1"], keys: [null] });
  ledger.add({ k: "start", id, a: 1, l: "w:n", p: "w", t: 1 });
  const accountant = new Accountant(ledger);
  await accountRows(database.url, accountant);
  expect(accountant.finish()).toMatchObject({ staleWrites: 2, doubleOutcomes: 1, unexpected: 0 });
  expect(accountant.kinds).toEqual({ quick: 1 });
});

test("a job that was due before and was touched by nobody is still due; another is not", async () => {
  const [due, touched, locked, later, young] = await Promise.all(
    ["due", "touched", "locked", "later", "young"].map((m) =>
      insert({ m }, m === "later" ? { run_after: "2031-01-01" } : {}),
    ),
  );
  await insert({ m: "denied", deny: "denyPickUp" });
  const before = await snapshotNow(executor);
  await set(touched ?? "", "priority = 1");
  await set(young ?? "", "status = 'DONE'");
  await insert({ m: "new" });
  await executor.transaction?.(async (tx) => {
    await tx.query("SELECT 1 FROM jobs WHERE id = $1 FOR NO KEY UPDATE", [locked]);
    expect(await stillDue(executor, ["quick", "other"], before)).toEqual([due]);
  });
  expect(later).toBeDefined();
  expect(await stillDue(executor, ["other"], before)).toEqual([]);
});

test("a tick that was made twice, one that was left out, one at no tick's time, and a stopped schedule are found", async () => {
  await pool.query("DELETE FROM jobs_schedules WHERE name <> 'by hand, all'");
  await pool.query(`UPDATE jobs_schedules SET created_at = date_trunc('second', now()) - interval '10 s',
    next_tick = date_trunc('second', now()) - interval '9 s'`);
  await pool.query("SELECT * FROM jobs_tick()");
  await stopSchedules(database.url);
  const right = new LedgerView();
  expect(await accountTicks(database.url, right)).toBeGreaterThan(5);
  expect(right.found).toEqual([]);
  const { rows: ticks } = await pool.query<{ at: string }>(
    "SELECT scheduled_for::text AS at FROM jobs ORDER BY scheduled_for",
  );
  const again = "INSERT INTO jobs (job_type, schedule, scheduled_for) VALUES ('quick', 'by hand, all', $1)";
  await pool.query(again, [ticks[1]?.at]);
  await pool.query(again, ["2020-01-01T00:00:00Z"]);
  await pool.query("DELETE FROM jobs WHERE scheduled_for = $1", [ticks[3]?.at]);
  await pool.query("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('idle', 'quick', '@yearly')");
  const ledger = new LedgerView();
  await accountTicks(database.url, ledger);
  expect(ledger.found.map(({ account, id }) => [account, id])).toEqual([
    ["tickedTwice", "by hand, all"],
    ["ticksLeftOut", "by hand, all"],
    ["ticksLeftOut", "idle"],
    ["unexpected", "by hand, all"],
  ]);
});
