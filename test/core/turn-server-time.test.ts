import { expect, test } from "vitest";

import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const LOCKED_MS = 50;

test.for([
  ["alone", {}],
  ["in a whole turn", { reap: { defaultTimeoutSeconds: 1_200 } }],
] as const)(
  "a pick-up %s tells how long the server was at it, from its arrival, its wait for a lock too",
  async ([, parts]) => {
    const [holder, own] = [await queue.session(), await queue.session()];
    await holder.client.query("BEGIN; LOCK TABLE jobs IN SHARE MODE");
    const turn = own.store.turn({ ...parts, pickUp: pickUpOf() });
    await queue.blocked(own.pid);
    await holder.client.query("SELECT pg_sleep($1)", [LOCKED_MS / 1_000]);
    await holder.client.query("COMMIT");
    expect((await turn).serverMs).toBeGreaterThanOrEqual(LOCKED_MS);
  },
);

test("a turn that only settles does not tell", async () => {
  await queue.insert();
  const job = await pickUpOne(queue.store);
  const { serverMs } = await queue.store.turn({ settlements: [{ job, durationMs: 1, outcome: "release" }] });
  expect(serverMs).toBeNaN();
});
