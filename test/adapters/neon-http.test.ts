import { neon, neonConfig } from "@neondatabase/serverless";
import { executorSuite, queueSuite, runnerSuite, type Capability, type Subject } from "pqrun/conformance";
import { afterAll, describe, expect, test } from "vitest";

import { neonExecutor } from "../../src/adapters/neon.ts";
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
});
