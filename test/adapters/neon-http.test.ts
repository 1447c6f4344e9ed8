import { neon, neonConfig } from "@neondatabase/serverless";
import { executorSuite, queueSuite, runnerSuite, type Capability, type Subject } from "pqrun/conformance";
import { afterAll, describe, expect, test } from "vitest";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";

const database = await conformanceDatabase();
const standIn = await neonStandIn();
neonConfig.fetchEndpoint = standIn.fetchEndpoint;
afterAll(() => standIn[Symbol.asyncDispose]());

async function open(): Promise<Subject> {
  await database.empty();
  return {
    executor: neonExecutor(neon(database.url)),
    rival: database.rival,
    close: () => Promise.resolve(),
  };
}

async function openWithJobs(count: number): Promise<Subject> {
  const subject = await open();
  await database.rival.query(
    "INSERT INTO public.jobs (job_type, payload) SELECT 'a', '{}' FROM generate_series(1, $1::int)",
    [String(count)],
  );
  return subject;
}

const lacks: Partial<Record<Capability, string>> = {
  transaction: "HTTP has no session: a transaction is a batch",
  with: "HTTP has no session: a transaction is a batch",
  listen: "HTTP has no session",
};

describe("Neon over HTTP", () => {
  executorSuite({ test, open, lacks });
  queueSuite({ test, open, lacks });
  runnerSuite({ test, open, lacks });

  test("a statement is one request, READ COMMITTED whatever the database's default is", async () => {
    const { executor } = await open();
    await database.rival.query(
      `DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET default_transaction_isolation = %L',
                                  current_database(), 'serializable'); END $$`,
    );
    const before = standIn.requests;
    const rows = await executor.query("SELECT current_setting('transaction_isolation') AS a");
    expect(rows).toEqual([{ a: "read committed" }]);
    expect(standIn.requests - before).toBe(1);
  });

  test("a drain of 1,000 jobs is one request per batch, and one to see that no more is due", async () => {
    const { executor } = await openWithJobs(1_000);
    const before = standIn.requests;
    const report = await drainOnce({
      store: new PgJobStore(executor),
      handlers: { a: () => undefined },
      budgetMs: 60_000,
      concurrency: 100,
    });
    expect(report).toMatchObject({ done: 1_000, stoppedBy: "empty" });
    expect(standIn.requests - before).toBe(report.statements);
    expect(report.statements).toBeLessThanOrEqual(12);
  });

  test("maxStatements keeps a drain under the requests that a free Worker may send", async () => {
    const { executor } = await openWithJobs(1_000);
    const before = standIn.requests;
    const report = await drainOnce({
      store: new PgJobStore(executor),
      handlers: { a: () => undefined },
      budgetMs: 60_000,
      maxStatements: 45,
    });
    expect(report).toMatchObject({ stoppedBy: "maxStatements", more: true, unsettled: 0 });
    expect(standIn.requests - before).toBeLessThanOrEqual(45);
    expect(await database.rival.query("SELECT 1 FROM public.jobs WHERE status = 'RUNNING'")).toEqual([]);
  });
});
