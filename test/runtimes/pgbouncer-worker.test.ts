import { Client, Pool } from "pg";
import postgres from "postgres";
import { afterAll, describe, expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { Overtime } from "../faults/half-open/overtime.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";
import { pgbouncerProgram, testWithout } from "./debian-packages.ts";
import { pgbouncerVersion, startPgBouncer } from "./pgbouncer.ts";

const WAIT = { timeout: 45_000, interval: 50 };

const program = pgbouncerProgram();
if (program === undefined) testWithout("pgbouncer", "a Worker through PgBouncer");
else await throughOneSession(program);

/** Everybody shares one session: what anybody leaves on it meets the next. */
async function throughOneSession(pgbouncer: string): Promise<void> {
  const database = await conformanceDatabase();
  const version = pgbouncerVersion(pgbouncer);
  const pooler = await startPgBouncer(pgbouncer, 1);
  afterAll(() => pooler.stop());
  const url = pooler.through(database.url);

  const pool = (): Pool => {
    const opened = new Pool({ connectionString: url, max: 4 });
    onTestFinished(() => opened.end());
    return opened;
  };
  const client = async (): Promise<Client> => {
    const opened = new Client({ connectionString: url });
    await opened.connect();
    onTestFinished(() => opened.end());
    return opened;
  };
  const drivers: Readonly<Record<string, () => SqlExecutor | Promise<SqlExecutor>>> = {
    "a pg Pool": () => pgExecutor(pool()),
    "a pg Client": async () => pgExecutor(await client()),
    postgres: () => {
      const sql = postgres(url, { max: 4, prepare: false });
      onTestFinished(() => sql.end({ timeout: 0 }));
      return postgresExecutor(sql);
    },
  };

  describe(`through one session of PgBouncer ${version}`, () => {
    for (const [title, open] of Object.entries(drivers)) {
      test(`a Worker over ${title} does not rely on LISTEN: it polls, and runs what comes`, async () => {
        await database.empty();
        let polls = 0;
        const idlePoll = { delayMs: () => ((polls += 1), 50) };
        const worker = new Worker({
          concurrency: 10,
          store: new PgJobStore(await open()),
          handlers: { a: () => undefined },
          idlePoll,
          safetyPollSeconds: 86_400,
          env: {},
        }).start();
        onTestFinished(() => worker.stop({ graceMs: 0 }));
        for (let count = 1; count <= 3; count += 1) {
          const before = polls;
          await expect.poll(() => polls, WAIT).toBeGreaterThan(before);
          await database.rival.query("INSERT INTO public.jobs (job_type) VALUES ('a')");
          await expect.poll(() => worker.counts.done, WAIT).toBe(count);
        }
        expect(await database.rival.query("SELECT worker FROM public.jobs_waiting")).toEqual([]);
      });
    }

    for (const [title, open] of Object.entries(drivers)) {
      test(`under a long lock of the table, Workers over ${title} have no session beside the pooler's`, async () => {
        await database.empty();
        const locker = new Client({ connectionString: database.url });
        await locker.connect();
        onTestFinished(() => locker.end());
        await locker.query("BEGIN; LOCK TABLE public.jobs IN ACCESS EXCLUSIVE MODE");
        const overtime = new Overtime();
        const store = new PgJobStore(overtime.between(await open()));
        const options = { leaseMs: 1_000, loopError: { delayMs: () => 20 }, idlePoll: { delayMs: () => 50 } };
        const workers = [0, 1, 2].map(() =>
          new Worker({
            concurrency: 10,
            store,
            handlers: { a: () => undefined },
            env: {},
            ...options,
          }).start(),
        );
        onTestFinished(async () => {
          await Promise.all(workers.map((worker) => worker.stop({ graceMs: 0 })));
        });
        let most = 0;
        while (overtime.aborted - overtime.late < 20) {
          const waiting = await database.rival.query(
            `SELECT count(*)::text AS n FROM pg_stat_activity
              WHERE datname = current_database() AND wait_event_type = 'Lock'`,
          );
          most = Math.max(most, Number(waiting[0]?.["n"]));
        }
        expect(most).toBe(1);
        await locker.query("ROLLBACK");
        await database.rival.query("INSERT INTO public.jobs (job_type) VALUES ('a')");
        await expect.poll(() => workers.reduce((sum, { counts }) => sum + counts.done, 0), WAIT).toBe(1);
      });
    }

    test("migrations, drains and transactions leave nothing on the session", async () => {
      await database.empty();
      const executor = pgExecutor(pool());
      const store = new PgJobStore(executor);
      await migrate(executor, { table: "others" });
      await store.transaction((tx) => store.with(tx).enqueue("a", {}));
      await store.enqueue("a", {}, { dedupeKey: "a" });
      const handlers = { a: () => undefined };
      const { done } = await drainOnce({
        store,
        handlers,
        budgetMs: 20_000,
        prune: { olderThanSeconds: 0 },
      });
      expect(done).toBe(2);
      const left = `
        SELECT 'a prepared statement' FROM pg_prepared_statements
         UNION ALL SELECT 'a cursor' FROM pg_cursors
         UNION ALL SELECT 'an advisory lock' FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'advisory'
         UNION ALL SELECT 'temporary tables' WHERE pg_my_temp_schema() <> 0
         -- The one setting that the pooler itself keeps for each client.
         UNION ALL SELECT name FROM pg_settings WHERE source = 'session' AND name <> 'application_name'`;
      expect((await (await client()).query(left)).rows).toEqual([]);
    });

    // Later ones keep the clients' names apart (max_prepared_statements).
    test.skipIf(minorOf(version) >= 24)(
      "before 1.24, which keeps no client's names apart, a statement of one name in two clients goes by two",
      async () => {
        const stores = [pool(), pool()].map(
          (opened) => new PgJobStore(pgExecutor(opened, { prepare: true })),
        );
        for (let round = 0; round < 3; round += 1)
          for (const store of stores) expect(await store.enqueue("a", {})).toMatchObject({ created: true });
        const names = "SELECT name FROM pg_prepared_statements ORDER BY length(name)";
        const { rows } = await (await client()).query<{ name: string }>(names);
        expect(rows).toEqual([
          { name: expect.stringMatching(/^pqrun_[0-9a-f]{16}$/) as string },
          { name: expect.stringMatching(/^pqrun_[0-9a-f]{16}_[0-9a-f]{8}$/) as string },
        ]);
        await (await client()).query("DEALLOCATE ALL");
      },
    );
  });
}

function minorOf(version: string): number {
  return Number(version.split(".")[1]);
}
