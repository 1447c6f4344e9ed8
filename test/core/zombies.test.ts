import { describe, expect, test } from "vitest";

import type { PickedUpJob } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/settlement.ts";
import { pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

/** An attempt whose lease is gone, though its worker doesn't know. */
type Zombie = PickedUpJob;

const reap = (): Promise<unknown> => store.reapStale();
const again = (worker: string): Promise<PickedUpJob> =>
  pickUpOne(store, { lockedBy: `${worker}:${crypto.randomUUID()}` });

/** What became of the job since; each begins with the first attempt's lease reaped, save where it says otherwise. */
const SUCCESSORS: Record<string, (zombie: Zombie) => Promise<unknown>> = {
  "READY after a reap": reap,
  "RUNNING again, by another worker": async () => {
    await reap();
    await again("other");
  },
  "RUNNING again, by the same worker": async () => {
    await reap();
    await again("zombie");
  },
  "RUNNING again as the same attempt, after a snooze": async (zombie) => {
    await store.turn({ settlements: [{ job: zombie, durationMs: 1, outcome: "snooze", due: 0 }] });
    expect(await again("zombie")).toMatchObject({ attempts: zombie.attempts });
  },
  "READY after its own failed attempt": async (zombie) => store.markError(zombie, "own", 0),
  "DONE by itself": async (zombie) => store.markDone(zombie, { by: "itself" }),
  "DONE by another": async () => {
    await reap();
    await store.markDone(await again("other"), { by: "other" });
  },
  "FAILED by another": async () => {
    await reap();
    await store.turn({
      settlements: [{ job: await again("other"), durationMs: 1, outcome: "fail", error: "other" }],
    });
  },
  "READY after another's failed attempt": async () => {
    await reap();
    await store.markError(await again("other"), "other");
  },
  "FAILED by the reap of its last attempt": async (zombie) => {
    await queue.rows("UPDATE jobs SET max_attempts = 1 WHERE id = $1", [zombie.id]);
    await reap();
  },
  CANCELLED: async (zombie) => store.cancel(zombie.id),
  "retried by hand": async (zombie) => {
    await queue.rows("UPDATE jobs SET max_attempts = 1 WHERE id = $1", [zombie.id]);
    await reap();
    await store.retry(zombie.id);
  },
  deleted: async (zombie) => queue.rows("DELETE FROM jobs WHERE id = $1", [zombie.id]),
};

const settle = async (settlement: Settlement): Promise<string | undefined> =>
  (await store.turn({ settlements: [settlement] })).settlements[0]?.verdict;
const told = async (work: Promise<unknown>): Promise<string> =>
  work.then(
    (answer) =>
      typeof answer === "object" && answer !== null && "verdict" in answer
        ? String(answer.verdict)
        : "it was written",
    (error: unknown) => (error instanceof Error ? error.name : "no error"),
  );

/** Each call that an attempt can make, and how its caller learns that it came too late. */
const CALLS: Record<string, (zombie: Zombie) => Promise<string | undefined>> = {
  "settle as done": (job) => settle({ job, durationMs: 1, outcome: "done", resultText: `"zombie"` }),
  "settle as a failed attempt": (job) => settle({ job, durationMs: 1, outcome: "retry", error: "z", due: 0 }),
  "settle as failed": (job) => settle({ job, durationMs: 1, outcome: "fail", error: "z" }),
  snooze: (job) => settle({ job, durationMs: 1, outcome: "snooze", due: 0 }),
  "release in a turn": (job) => settle({ job, durationMs: null, outcome: "release" }),
  extend: async (job) => (await store.extend([job], 60_000))[0]?.verdict,
  markDone: (job) => told(store.markDone(job, "zombie")),
  markError: (job) => told(store.markError(job, "zombie", 0)),
  release: (job) => told(store.release(job)),
  settleIn: async (job) => {
    const { client, store: own } = await queue.session();
    await client.query("BEGIN");
    const answer = await told(own.settleIn(client, job, "zombie"));
    await client.query("COMMIT");
    return answer;
  },
  settleStatement: async (job) => {
    const { text, params } = store.settleStatement(job, "zombie");
    return await told(queue.rows(text, params));
  },
};

const LEARNT = /^(?:lost|cancelled|already|LeaseLostError|error)$/;

describe.each(Object.entries(SUCCESSORS))("a job that is %s", (_, becomes) => {
  test.for(Object.entries(CALLS))(
    "is not touched by the first attempt's %s, which learns it",
    async ([, call]) => {
      const id = await queue.insert();
      const zombie = await pickUpOne(store, { leaseMs: 0, lockedBy: `zombie:${crypto.randomUUID()}` });
      await becomes(zombie);
      const image = await queue.image(id);
      expect(await call(zombie)).toMatch(LEARNT);
      expect(await queue.image(id)).toBe(image);
    },
  );
});

test.for([
  ["attempt", { attempts: 2 }],
  ["holder", { lockedBy: "zombie:1" }],
  ["job", { id: "9007199254740993" }],
] as const)("a fence of which only the %s is wrong writes nothing", async ([, wrong]) => {
  const id = await queue.insert();
  const job = { ...(await pickUpOne(store)), ...wrong };
  const image = await queue.image(id);
  for (const call of Object.values(CALLS)) expect(await call(job)).toMatch(LEARNT);
  expect(await queue.image(id)).toBe(image);
});
