import postgres from "postgres";
import { executorSuite, queueSuite, runnerSuite, type Subject } from "pqrun/conformance";
import { describe, test } from "vitest";

import { postgresExecutor, type PostgresTransaction } from "../../src/adapters/postgres/postgres.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";

const database = await conformanceDatabase();

async function open(): Promise<Subject<PostgresTransaction>> {
  await database.empty();
  const sql = postgres(database.url, { max: 6, onnotice: () => undefined });
  return {
    executor: postgresExecutor(sql),
    rival: database.rival,
    begin: async (work) => {
      await sql.begin((tx) => work(tx));
    },
    close: () => sql.end({ timeout: 0 }),
  };
}

describe("postgres.js", () => {
  executorSuite({ test, open });
  queueSuite({ test, open });
  runnerSuite({ test, open });
});
