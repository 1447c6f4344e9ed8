import { executorSuite, queueSuite, runnerSuite, type Subject } from "pqrun/conformance";
import { describe, test } from "vitest";

import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";
import { inPgTransaction } from "../runtimes/cells/in-pg-transaction.ts";
import { testPool } from "../support/pool.ts";

const database = await conformanceDatabase();

/** Parsers that an application may set: int8 as bigint, everything else but text as something of its own. */
const types = {
  getTypeParser: (oid: number) => {
    if (oid === 20) return BigInt;
    return oid === 25 ? String : (text: unknown) => ({ oid, text });
  },
};

async function open(): Promise<Subject<PgTransaction>> {
  await database.empty();
  const pool = testPool(database.url, { max: 6, types });
  return {
    executor: pgExecutor(pool, { prepare: true }),
    rival: database.rival,
    begin: async (work) => {
      const client = await pool.connect();
      await inPgTransaction(client, work).finally(() => client.release());
    },
    close: () => pool.end(),
  };
}

describe("pg Pool with parsers of its own and prepared statements", () => {
  executorSuite({ test, open });
  queueSuite({ test, open });
  runnerSuite({ test, open });
});
