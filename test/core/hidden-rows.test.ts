import { expect, test } from "vitest";

import type { Logger } from "../../src/core/logger.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
const ROLE = "pqrun_hidden";
await queue.rows(`DO $$ BEGIN CREATE ROLE ${ROLE}; EXCEPTION WHEN duplicate_object THEN NULL; END $$`);
await queue.rows(`GRANT ALL ON jobs, jobs_waiting TO ${ROLE}; GRANT ALL ON SEQUENCE jobs_id_seq TO ${ROLE}`);

/** A store of that role, and what it warns of. */
async function hidden(): Promise<readonly [TestStore, string[]]> {
  const said: string[] = [];
  const ignore = (): void => undefined;
  const logger: Logger = {
    debug: ignore,
    info: ignore,
    warn: (message) => void said.push(message),
    error: ignore,
  };
  const { store, client } = await queue.session({ logger });
  await client.query(`SET ROLE ${ROLE}`);
  return [store, said];
}

const drain = (store: TestStore): ReturnType<typeof drainOnce> =>
  drainOnce({ store, handlers: { a: () => undefined }, budgetMs: 10_000 });

test("row level security that hides jobs from a role is said, once for each store", async () => {
  await queue.insert();
  await queue.rows("ALTER TABLE jobs ENABLE ROW LEVEL SECURITY");
  const [store, said] = await hidden();
  expect(await drain(store)).toMatchObject({ done: 0, stoppedBy: "empty" });
  await drain(store);
  expect(said).toEqual([expect.stringMatching(/^row level security is on for "public"\."jobs".*POLICY/)]);
  await queue.rows("ALTER TABLE jobs DISABLE ROW LEVEL SECURITY");
});

test("where it does not apply to the role, nothing is said", async () => {
  await queue.insert();
  const [store, said] = await hidden();
  expect(await drain(store)).toMatchObject({ done: 1 });
  // Nor to the table's owner, whatever the table says.
  await queue.rows("ALTER TABLE jobs ENABLE ROW LEVEL SECURITY");
  await queue.insert();
  expect(await drain(queue.store)).toMatchObject({ done: 1 });
  await queue.rows("ALTER TABLE jobs DISABLE ROW LEVEL SECURITY");
  expect(said).toEqual([]);
});
