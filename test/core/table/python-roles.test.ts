import { randomUUID } from "node:crypto";

import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { migrate } from "../../../src/migrate/migrate.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { drainOnce } from "../../../src/runners/drain/drain-once.ts";
import { Worker } from "../../../src/runners/worker/worker.ts";
import { testPool } from "../../support/pool.ts";
import { pythonGrants } from "../../support/python-statements.ts";
import { PythonWorker } from "../../support/python-worker.ts";
import { catalog } from "../../support/table-catalog.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { PYTHON_DDL } from "../../support/table-python.ts";

const ACL = "SELECT relacl::text FROM pg_class WHERE relname = 'jobs_waiting'";

/** A database with Python's table, whose migrator owns it, and a role that has what the package's documentation grants. */
async function pythonsRole(granted: "before" | "after"): Promise<{ database: TableDatabase; url: string }> {
  const database = await tableDatabase();
  // Roles belong to the whole server.
  const role = `pqrun_app_${randomUUID().slice(0, 8)}`;
  await database.rows(`${PYTHON_DDL}; CREATE ROLE ${role}`);
  onTestFinished(async () => {
    await database.rows(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
    await database[Symbol.asyncDispose]();
  });
  if (granted === "before") await database.rows(pythonGrants(role));
  await database.migrate();
  if (granted === "after") {
    await database.rows(pythonGrants(role));
    await database.migrate();
  }
  return { database, url: `${database.url}?options=-c%20role%3D${role}` };
}

test.for(["before", "after"] as const)(
  "the grants that the Python package documents are enough for a drain and a Worker, given %s the upgrade",
  async (granted) => {
    const { url } = await pythonsRole(granted);
    const pool = testPool(url, { max: 4 });
    const store = new PgJobStore(pgExecutor(pool));
    await store.enqueue("a", {});
    const handlers = { a: () => undefined };
    expect(await drainOnce({ store, handlers, budgetMs: 5_000 })).toMatchObject({
      done: 1,
      stoppedBy: "empty",
    });
    let ended = 0;
    {
      await using worker = new Worker({
        concurrency: 10,
        store,
        handlers,
        env: {},
        onEvent: () => (ended += 1),
      }).start();
      await store.enqueue("a", {});
      await expect.poll(() => worker.counts.done, { timeout: 20_000 }).toBe(1);
    }
    expect(ended).toBeGreaterThan(0);
    await pool.end();
    await using python = await PythonWorker.connect({ url, name: "host-1", handlers: {} });
    expect(await python.step()).toBe(false);
  },
);

test("a role that may not update jobs gets no right, and a migration that finds all granted grants nothing", async () => {
  const { database } = await pythonsRole("before");
  const role = `pqrun_reads_${randomUUID().slice(0, 8)}`;
  await database.rows(`CREATE ROLE ${role}; GRANT SELECT, INSERT, UPDATE (updated_at) ON jobs TO ${role}`);
  onTestFinished(async () => {
    await database.rows(`DROP OWNED BY ${role}; DROP ROLE ${role}`);
  });
  const before = [await database.rows(ACL), await catalog(database)];
  await database.migrate();
  expect([await database.rows(ACL), await catalog(database)]).toEqual(before);
});

test("a table that everybody may update is waited for by everybody", async () => {
  const { database } = await pythonsRole("before");
  await database.rows("GRANT UPDATE ON jobs TO PUBLIC");
  await database.migrate();
  expect((await database.rows(ACL))[0]?.["relacl"]).toContain("=arwd/");
});

test("a migrator who doesn't own the table of those that wait leaves its grants to who does", async () => {
  const { database, url } = await pythonsRole("before");
  const other = `pqrun_other_${randomUUID().slice(0, 8)}`;
  await database.rows(`CREATE ROLE ${other}; GRANT UPDATE ON jobs TO ${other}`);
  onTestFinished(async () => {
    await database.rows(`DROP OWNED BY ${other}; DROP ROLE ${other}`);
  });
  const before = await database.rows(ACL);
  const pool = testPool(url, { max: 1 });
  expect(await migrate(pgExecutor(pool))).toMatchObject({ table: "unchanged" });
  await pool.end();
  expect(await database.rows(ACL)).toEqual(before);
});
