import { PGlite } from "@electric-sql/pglite";
import { executorSuite, queueSuite, runnerSuite, type Capability, type Subject } from "pqrun/conformance";
import { afterAll, describe, expect, test } from "vitest";

import { pgliteExecutor, type PgliteTransaction } from "../../src/adapters/pglite.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { migrate } from "../../src/migrate/migrate.ts";

const pglite = await PGlite.create();
const executor = pgliteExecutor(pglite);
await migrate(executor);
afterAll(() => pglite.close());

async function open(): Promise<Subject<PgliteTransaction>> {
  await pglite.exec("TRUNCATE public.jobs, public.jobs_waiting RESTART IDENTITY");
  return { executor, begin: (work) => pglite.transaction(work), close: () => Promise.resolve() };
}

const lacks: Partial<Record<Capability, string>> = {
  rival: "PGlite is one session",
  abort: "a statement runs to its end before anything else in the process",
  reconnect: "PGlite is one session",
};

test("PGlite's own parser of text does not change what pqrun reads", async () => {
  await using odd = await PGlite.create({ parsers: { 25: (text) => ({ text }) } });
  const store = new PgJobStore(pgliteExecutor(odd), { logger: false });
  await migrate(pgliteExecutor(odd));
  const { id, created } = await store.enqueue("a", { n: 1 }, { priority: 3 });
  expect(created).toBe(true);
  expect(await store.get(id)).toMatchObject({ id, type: "a", priority: 3, payload: { n: 1 } });
});

describe("PGlite", () => {
  executorSuite({ test, open, lacks });
  queueSuite({ test, open, lacks });
  runnerSuite({ test, open, lacks });
});
