import { neonConfig, Pool } from "@neondatabase/serverless";
import { executorSuite, queueSuite, runnerSuite, type Capability, type Subject } from "pqrun/conformance";
import { afterAll, describe, test } from "vitest";

import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import { inPgTransaction } from "../runtimes/cells/in-pg-transaction.ts";

const database = await conformanceDatabase();
const neon = await neonStandIn();
neonConfig.wsProxy = neon.wsProxy;
neonConfig.useSecureWebSocket = false;
neonConfig.pipelineConnect = false;
afterAll(() => neon[Symbol.asyncDispose]());

async function open(): Promise<Subject<PgTransaction>> {
  await database.empty();
  const pool = new Pool({ connectionString: database.url, max: 6 });
  return {
    executor: pgExecutor(pool),
    rival: database.rival,
    begin: async (work) => {
      const client = await pool.connect();
      await inPgTransaction(client, work).finally(() => {
        client.release();
      });
    },
    close: () => pool.end(),
  };
}

const lacks: Partial<Record<Capability, string>> = {
  extended: "the pg inside it has no queryMode",
};

describe("Neon's WebSocket Pool", () => {
  executorSuite({ test, open, lacks });
  queueSuite({ test, open, lacks });
  runnerSuite({ test, open, lacks });
});
