import { Client } from "pg";
import { executorSuite, queueSuite, runnerSuite, type Capability, type Subject } from "pqrun/conformance";
import { describe, test } from "vitest";

import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";
import { inPgTransaction } from "../runtimes/cells/in-pg-transaction.ts";

const database = await conformanceDatabase();

async function open(): Promise<Subject<PgTransaction>> {
  await database.empty();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  return {
    executor: pgExecutor(client),
    rival: database.rival,
    begin: (work) => inPgTransaction(client, work),
    close: () => client.end(),
  };
}

const lacks: Partial<Record<Capability, string>> = {
  batch: "somebody else's statement would be in it too: its owner does BEGIN and uses with(client)",
  transaction: "somebody else's statement would be in it too: its owner does BEGIN and uses with(client)",
  reconnect: "a client has one connection",
};

describe("pg Client", () => {
  executorSuite({ test, open, lacks });
  queueSuite({ test, open, lacks });
  runnerSuite({ test, open, lacks });
});
