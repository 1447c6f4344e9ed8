import { expect, test } from "vitest";

import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";

const queue = await testQueue();

/** How the transaction of a turn would be committed. */
async function commitOf(request: TurnRequest): Promise<unknown> {
  const { client, store } = await queue.session();
  await client.query("BEGIN");
  await store.turn(request);
  const { rows } = await client.query<Record<string, unknown>>("SHOW synchronous_commit");
  await client.query("ROLLBACK");
  return rows[0]?.["synchronous_commit"];
}

const reap = { defaultTimeoutSeconds: 1_200 };

test("a fast pick-up commits asynchronously, and no other does", async () => {
  await queue.insert();
  expect(await commitOf({ pickUp: pickUpOf({ fast: true }) })).toBe("off");
  expect(await commitOf({ pickUp: pickUpOf({ fast: true }), reap })).toBe("off");
  expect(await commitOf({ pickUp: pickUpOf() })).toBe("on");
  expect(await commitOf({})).toBe("on");
});

test("a turn that settles waits for the disk, however fast it would pick up", async () => {
  await queue.insert();
  const job = await pickUpOne(queue.store);
  await queue.insert();
  const settlements = [{ job, durationMs: 1, outcome: "done", resultText: null }] as const;
  expect(await commitOf({ settlements, pickUp: pickUpOf({ fast: true }) })).toBe("on");
});

test("so does one that settles a failed attempt", async () => {
  await queue.insert();
  const job = await pickUpOne(queue.store);
  await queue.insert();
  const settlements = [{ job, durationMs: 1, outcome: "retry", error: "boom", due: 60_000 }] as const;
  expect(await commitOf({ settlements, pickUp: pickUpOf({ fast: true }) })).toBe("on");
});

test("so does one that reaps", async () => {
  await queue.insert();
  await pickUpOne(queue.store);
  await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s'");
  expect(await commitOf({ pickUp: pickUpOf({ fast: true }), reap })).toBe("on");
});

test("the transaction's setting ends with it", async () => {
  const { client, store } = await queue.session();
  await queue.insert();
  await store.turn({ pickUp: pickUpOf({ fast: true }) });
  const { rows } = await client.query<Record<string, unknown>>("SHOW synchronous_commit");
  expect(rows[0]?.["synchronous_commit"]).toBe("on");
});
