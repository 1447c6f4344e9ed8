import { executorSuite, queueSuite, runnerSuite, type Subject } from "pqrun/conformance";
import { describe, test } from "vitest";

import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";
import { inPgTransaction } from "../runtimes/cells/in-pg-transaction.ts";
import { ODD_OPTIONS } from "../support/odd-settings.ts";
import { testPool } from "../support/pool.ts";

const database = await conformanceDatabase();

async function open(): Promise<Subject<PgTransaction>> {
  await database.empty();
  const pool = testPool(database.url, { max: 6, options: ODD_OPTIONS });
  return {
    executor: pgExecutor(pool),
    rival: database.rival,
    begin: async (work) => {
      const client = await pool.connect();
      await inPgTransaction(client, work).finally(() => client.release());
    },
    close: () => pool.end(),
  };
}

describe("pg, where every setting that changes text is an odd one", () => {
  executorSuite({ test, open });
  queueSuite({ test, open });
  runnerSuite({ test, open });
});
