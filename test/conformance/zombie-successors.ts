import type { PickedUpJob } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { equal, fail } from "./assert.ts";
import type { Pen } from "./zombie-pen.ts";

/** How a settlement that comes too late is answered; `done` is an `already` of what is DONE. */
export type Learns = "lost" | "cancelled" | "already" | "done";

/** What became of a job whose first attempt goes on although its lease is gone. */
export interface Successor {
  readonly name: string;
  /** `already` or `done` where the attempt had been settled as it said, and only the reply may have been lost. */
  readonly learns: Learns;
  becomes<Tx>(pen: Pen<Tx>): Promise<unknown>;
}

/** Every state that the job can be in by then. */
export const SUCCESSORS: readonly Successor[] = [
  { name: "READY after a reap", learns: "lost", becomes: reaped },
  { name: "RUNNING again, at another worker", learns: "lost", becomes: (pen) => again(pen, "other") },
  { name: "RUNNING again, at the same worker", learns: "lost", becomes: (pen) => again(pen, "zombie") },
  {
    name: "RUNNING again as the same attempt, after a snooze",
    learns: "lost",
    becomes: async (pen) => {
      await ended(pen, { outcome: "snooze", due: 0 });
      equal((await pickedUp(pen, "zombie")).attempts, pen.zombie.attempts);
    },
  },
  {
    name: "RUNNING again as the same attempt, after a release",
    learns: "lost",
    becomes: async (pen) => {
      await ended(pen, { outcome: "release" });
      equal((await pickedUp(pen, "zombie")).attempts, pen.zombie.attempts);
    },
  },
  {
    name: "READY after its own failed attempt",
    learns: "already",
    becomes: (pen) => ended(pen, { outcome: "retry", error: "own", due: 0 }),
  },
  {
    name: "READY after its own snooze",
    learns: "already",
    becomes: (pen) => ended(pen, { outcome: "snooze", due: 0 }),
  },
  {
    name: "READY after its own release",
    learns: "already",
    becomes: (pen) => ended(pen, { outcome: "release" }),
  },
  {
    name: "DONE by itself",
    learns: "done",
    becomes: (pen) => ended(pen, { outcome: "done", resultText: '{"by": "itself"}' }),
  },
  {
    name: "FAILED by itself",
    learns: "already",
    becomes: (pen) => ended(pen, { outcome: "fail", error: "own" }),
  },
  {
    name: "DONE by another",
    learns: "lost",
    becomes: async (pen) => pen.store.markDone(await again(pen, "other"), { by: "other" }),
  },
  { name: "FAILED by another", learns: "lost", becomes: failedByAnother },
  {
    name: "READY after another's failed attempt",
    learns: "lost",
    becomes: async (pen) => pen.store.markError(await again(pen, "other"), "other", 0),
  },
  { name: "FAILED by the reap of its last attempt", learns: "lost", becomes: failedByReap },
  {
    name: "CANCELLED",
    learns: "cancelled",
    becomes: ({ store, zombie }) => store.cancel(zombie.id),
  },
  {
    name: "CANCELLED while another ran it",
    learns: "cancelled",
    becomes: async (pen) => {
      await again(pen, "other");
      await pen.store.cancel(pen.zombie.id);
    },
  },
  {
    name: "CANCELLED by Python, which leaves the holder and the lease",
    learns: "cancelled",
    becomes: ({ set }) => set("status = 'CANCELLED', finished_at = now(), updated_at = now()"),
  },
  {
    name: "CANCELLED by Python after its own failed attempt",
    learns: "cancelled",
    becomes: async (pen) => {
      await ended(pen, { outcome: "retry", error: "own", due: 0 });
      await pen.set("status = 'CANCELLED', finished_at = now(), updated_at = now()");
    },
  },
  { name: "READY, retried by hand", learns: "lost", becomes: retried },
  {
    name: "RUNNING as the first attempt again, retried by hand",
    learns: "lost",
    becomes: async (pen) => {
      await retried(pen);
      equal((await pickedUp(pen, "zombie")).attempts, pen.zombie.attempts);
    },
  },
  {
    name: "deleted",
    learns: "lost",
    becomes: ({ sql, names, zombie }) =>
      sql(`DELETE FROM ${names.jobs} WHERE id = $1::text::int8`, [zombie.id]),
  },
  {
    name: "pruned",
    learns: "lost",
    becomes: async (pen) => {
      await pen.store.cancel(pen.zombie.id);
      await pen.set("finished_at = now() - interval '1 hour'");
      equal(await pen.store.prune({ olderThanSeconds: 60 }), { deleted: 1, more: false });
    },
  },
  {
    name: "RUNNING again, at a Python worker",
    learns: "lost",
    becomes: async (pen) => {
      await reaped(pen);
      await pen.set("status = 'RUNNING', attempts = attempts + 1, locked_at = now(), locked_by = 'python'");
    },
  },
  {
    name: "DONE by a Python worker, which settles by id",
    learns: "lost",
    becomes: ({ set }) =>
      set("status = 'DONE', finished_at = now(), result = '{}', locked_at = NULL, locked_by = NULL"),
  },
  {
    name: "READY after a Python worker's reap, which leaves the lease",
    learns: "lost",
    becomes: ({ set }) => set("status = 'READY', locked_at = NULL, locked_by = NULL"),
  },
  {
    name: "DONE by itself, and another is READY with its dedupe key",
    learns: "done",
    becomes: async (pen) => {
      await ended(pen, { outcome: "done", resultText: null });
      await enqueuedAgain(pen);
    },
  },
  {
    name: "FAILED by another, and another is RUNNING with its dedupe key",
    learns: "lost",
    becomes: async (pen) => {
      await failedByAnother(pen);
      await enqueuedAgain(pen);
      await pickedUp(pen, "zombie");
    },
  },
];

/** The zombie ends as it should have, and its worker never hears of it. */
async function ended<Tx>({ store, zombie: job }: Pen<Tx>, end: End): Promise<void> {
  const { settlements } = await store.turn({ settlements: [{ job, durationMs: 1, ...end }] });
  equal(settlements[0]?.verdict, "settled");
}

type End = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, "job" | "durationMs">
    : never
  : never;

async function reaped<Tx>({ store, zombie }: Pen<Tx>): Promise<void> {
  equal(
    (await store.reapStale()).map(({ id }) => id),
    [zombie.id],
  );
}

async function pickedUp<Tx>({ store }: Pen<Tx>, workerId: string): Promise<PickedUpJob> {
  const [job] = await store.pickup({ types: ["zombie"], workerId, leaseMs: 60_000 });
  return job ?? fail("it is picked up again");
}

async function again<Tx>(pen: Pen<Tx>, workerId: string): Promise<PickedUpJob> {
  await reaped(pen);
  return await pickedUp(pen, workerId);
}

async function failedByAnother<Tx>(pen: Pen<Tx>): Promise<void> {
  const job = await again(pen, "other");
  await pen.store.turn({ settlements: [{ job, durationMs: 1, outcome: "fail", error: "other" }] });
}

async function failedByReap<Tx>(pen: Pen<Tx>): Promise<void> {
  await pen.set("max_attempts = 1");
  await reaped(pen);
}

async function retried<Tx>(pen: Pen<Tx>): Promise<void> {
  await failedByReap(pen);
  equal(await pen.store.retry(pen.zombie.id), { retried: true, status: "READY" });
}

async function enqueuedAgain<Tx>({ store, zombie }: Pen<Tx>): Promise<void> {
  const { created } = await store.enqueue("zombie", {}, { dedupeKey: zombie.dedupeKey ?? fail("its key") });
  equal(created, true);
}
