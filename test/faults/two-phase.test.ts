import { afterAll, expect, test } from "vitest";

import { migratedServer } from "../support/killed-server.ts";
import { withClient } from "../support/postgres.ts";

// On the tests' server no transaction can be prepared.
const server = await migratedServer({ max_prepared_transactions: "2" });
afterAll(() => server[Symbol.asyncDispose]());

/** Enqueues in two phases; answers the SQLSTATE that refused the first, or undefined, and how many jobs are there. */
async function enqueueInTwoPhases(): Promise<{ refused: unknown; jobs: unknown }> {
  return await withClient(server.url, async (client) => {
    await client.query("BEGIN");
    await client.query("INSERT INTO jobs (job_type) VALUES ('embed')");
    const refused = await client.query("PREPARE TRANSACTION 'enqueue'").then(
      () => undefined,
      (error: unknown) => (error as { readonly code?: unknown }).code,
    );
    if (refused === undefined) await client.query("COMMIT PREPARED 'enqueue'");
    const { rows } = await client.query<{ jobs: number }>("SELECT count(*)::int AS jobs FROM jobs");
    return { refused, jobs: rows[0]?.jobs };
  });
}

test("an enqueue under two-phase commit is refused at PREPARE while a worker waits, and else goes through", async () => {
  expect(await enqueueInTwoPhases()).toEqual({ refused: undefined, jobs: 1 });
  await withClient(server.url, (client) =>
    client.query("INSERT INTO jobs_waiting VALUES ('worker-1', now() + interval '1 minute')"),
  );
  expect(await enqueueInTwoPhases()).toEqual({ refused: "0A000", jobs: 1 });
});
