import postgres from "postgres";
import { executorSuite, queueSuite, runnerSuite, type Subject } from "pqrun/conformance";
import { describe, test } from "vitest";

import { postgresExecutor, type PostgresTransaction } from "../../src/adapters/postgres/postgres.ts";
import { conformanceDatabase } from "../support/conformance-database.ts";

const database = await conformanceDatabase();

/** All that has broken other libraries at once: renamed columns and JSON keys, no array types, no plans, bigint. */
const odd = {
  transform: postgres.camel,
  fetch_types: false,
  prepare: false,
  types: { bigint: postgres.BigInt },
  max: 6,
  onnotice: () => undefined,
};

async function open(): Promise<Subject<PostgresTransaction>> {
  await database.empty();
  const sql = postgres(database.url, odd);
  return {
    executor: postgresExecutor(sql, { prepare: true }),
    rival: database.rival,
    begin: async (work) => {
      await sql.begin((tx) => work(tx));
    },
    close: () => sql.end({ timeout: 0 }),
  };
}

describe("postgres.js with camel case, without types and plans", () => {
  executorSuite({ test, open });
  queueSuite({ test, open });
  runnerSuite({ test, open });
});
