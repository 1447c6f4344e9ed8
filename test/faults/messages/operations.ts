/** The operations that are cut, and the two states that each may leave. */
import assert from "node:assert/strict";
import { randomUUID } from "node:crypto";

import type { PickedUpJob } from "../../../src/core/job.ts";
import type { Settlement } from "../../../src/core/turn/settlement.ts";
import type { PgJobStore } from "../../../src/core/store.ts";
import type { PickUp } from "../../../src/core/turn/turn-request.ts";
import type { Table } from "./table.ts";

/** Whether the operation took effect. */
export type State = "happened" | "not happened";

/** One operation, ready to be sent. */
export interface Trial {
  act(store: PgJobStore): Promise<unknown>;
  /** What has to follow from the state, seen through a connection that nobody cuts. */
  follows?(state: State): Promise<void>;
}

/** An operation. */
export interface Operation {
  readonly name: string;
  /** The table where it has happened, as `Table.summary` tells it; where not, no row has been touched. */
  readonly happened: readonly string[];
  begin(table: Table): Promise<Trial>;
}

const RELEASE = { outcome: "release" } as const;
type Ending = Settlement extends infer S
  ? S extends Settlement
    ? Omit<S, "job" | "durationMs">
    : never
  : never;

/** All of them. */
export const OPERATIONS: readonly Operation[] = [
  {
    name: "enqueue",
    happened: ["a READY 0"],
    begin: () => trial((store) => store.enqueue("a", {})),
  },
  {
    name: "enqueue with a key",
    happened: ["a READY 0 key=k"],
    begin: (table) =>
      trial(
        (store) => store.enqueue("a", {}, { dedupeKey: "k" }),
        async (state) => {
          const { created } = await table.store.enqueue("a", {}, { dedupeKey: "k" });
          assert.equal(created, state === "not happened");
          assert.equal((await table.summary()).length, 1);
        },
      ),
  },
  {
    name: "enqueueMany",
    happened: ["a READY 0", "a READY 0 key=k", "a READY 0 key=l"],
    begin: () =>
      trial((store) =>
        store.enqueueMany([
          { type: "a", payload: {} },
          { type: "a", payload: {}, dedupeKey: "k" },
          { type: "a", payload: {}, dedupeKey: "l" },
        ]),
      ),
  },
  settling("settle as done", ["a DONE 1 result={}"], { outcome: "done", resultText: "{}" }),
  settling("settle as failed attempt", ["a READY 1 later error=e"], {
    outcome: "retry",
    error: "e",
    due: 60_000,
  }),
  settling("settle as failed", ["a FAILED 1 error=e"], { outcome: "fail", error: "e" }),
  settling("settle as snoozed", ["a READY 0 later"], { outcome: "snooze", due: 60_000 }),
  settling("settle as released", ["a READY 0 released=1"], RELEASE),
  {
    name: "release",
    happened: ["a READY 0 released=1"],
    begin: async (table) => {
      const job = await table.running();
      return await trial(
        (store) => store.release(job),
        (state) => repeats(table, job, RELEASE, state),
      );
    },
  },
  {
    name: "pick up",
    happened: ["a RUNNING 1 leased", "a RUNNING 1 leased"],
    begin: async (table) => {
      const ids = [await table.insert(), await table.insert()];
      const pickUp = pickUpOf(2);
      return await trial(
        (store) => store.turn({ pickUp }),
        (state) => finds(table, pickUp, state === "happened" ? ids : []),
      );
    },
  },
  {
    name: "settle, reap and pick up",
    happened: ["a DONE 1 result={}", "lost READY 1 error", "a RUNNING 1 leased"],
    begin: async (table) => {
      const job = await table.running();
      await table.lost();
      const id = await table.insert();
      const pickUp = pickUpOf(1);
      const settlement = { job, durationMs: 1, outcome: "done", resultText: "{}" } as const;
      return await trial(
        (store) => store.turn({ settlements: [settlement], reap: { defaultTimeoutSeconds: 60 }, pickUp }),
        async (state) => {
          await finds(table, pickUp, state === "happened" ? [id] : []);
          await repeats(table, job, settlement, state);
        },
      );
    },
  },
  {
    name: "extend",
    happened: ["a RUNNING 1 leased"],
    begin: async (table) => {
      const job = await table.running({ leaseMs: 15_000 });
      return await trial(
        (store) => store.extend([job], 60_000),
        async () => {
          assert.equal((await table.store.extend([job], 60_000))[0]?.verdict, "extended");
        },
      );
    },
  },
];

function settling(name: string, happened: readonly string[], ending: Ending): Operation {
  return {
    name,
    happened,
    begin: async (table) => {
      const job = await table.running();
      return await trial(
        (store) => store.turn({ settlements: [{ job, durationMs: 1, ...ending }] }),
        (state) => repeats(table, job, ending, state),
      );
    },
  };
}

function trial(act: Trial["act"], follows?: Trial["follows"]): Promise<Trial> {
  return Promise.resolve(follows === undefined ? { act } : { act, follows });
}

function pickUpOf(slots: number): PickUp {
  return { types: ["a"], slots, lockedBy: `cut:${randomUUID()}`, leaseMs: 60_000 };
}

/** A repeated settlement is answered as what it is: the first time, or once more. */
async function repeats(table: Table, job: PickedUpJob, ending: Ending, state: State): Promise<void> {
  const settlements = [{ job, durationMs: 1, ...ending }];
  const verdicts = [];
  for (let round = 0; round < 2; round += 1) {
    verdicts.push((await table.store.turn({ settlements })).settlements[0]?.verdict);
  }
  assert.deepEqual(verdicts, [state === "happened" ? "already" : "settled", "already"]);
}

/** A pick-up that happened is found by its nonce, and no other. */
async function finds(table: Table, { lockedBy }: PickUp, ids: readonly string[]): Promise<void> {
  const found = await table.store.findPickUp([lockedBy]);
  assert.deepEqual(
    found.map(({ id, attempts }) => [id, attempts]),
    ids.map((id) => [id, 1]),
  );
}
