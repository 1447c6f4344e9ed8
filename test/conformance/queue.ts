import type { UntypedJobs } from "../../src/core/contract.ts";
import type { EnqueueOptions } from "../../src/core/enqueue/check-job.ts";
import type { Fence, Job, PickedUpJob } from "../../src/core/job.ts";
import type { Settlement, SettlementAnswer } from "../../src/core/turn/settlement.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { fail } from "./assert.ts";
import { cellsOf } from "./rows.ts";
import type { Bench } from "./subject.ts";

/** A store over the executor that is proven, and ways to look at its rows and to pass time. */
export interface Queue<Tx> {
  readonly store: PgJobStore<UntypedJobs, Tx>;
  /** The row of a job that must be there. */
  readonly job: (id: string) => Promise<Job>;
  /** All of a row that a write would change: its content, its place and its writer. */
  readonly image: (id: string) => Promise<unknown>;
  /** Changes a row behind pqrun's back, as time does: `set(id, "lease_expires_at = now()")`. */
  readonly set: (id: string, assignments: string) => Promise<void>;
  /** Enqueues one job of type `a` and picks it up. */
  readonly running: (options?: EnqueueOptions) => Promise<PickedUpJob>;
  /** Settles one job in a turn of its own. */
  readonly settle: (settlement: Settlement) => Promise<SettlementAnswer>;
}

/** The queue of one test. */
export function queueOf<Tx>({ executor, sql, table, names }: Bench<Tx>): Queue<Tx> {
  const store = new PgJobStore<UntypedJobs, Tx>(executor, table);
  return {
    store,
    job: async (id) => (await store.get(id)) ?? fail(`job ${id} is there`),
    image: async (id) => {
      const text = `SELECT j::text || j.ctid::text || j.xmin::text AS a FROM ${names.jobs} j WHERE id = $1::text::int8`;
      return cellsOf((await sql(text, [id]))[0])[0];
    },
    set: async (id, assignments) => {
      await sql(`UPDATE ${names.jobs} SET ${assignments} WHERE id = $1::text::int8`, [id]);
    },
    running: async (options = {}) => {
      const { id } = await store.enqueue("a", {}, options);
      const picked = await store.pickup({ types: ["a"] });
      return picked.find((job) => job.id === id) ?? fail(`job ${id} is picked up`);
    },
    settle: async (settlement) => {
      const { settlements } = await store.turn({ settlements: [settlement] });
      return settlements[0] ?? fail("each settlement is answered");
    },
  };
}

/** Fences that no longer hold the job, or never did. */
export function staleFences({ id, attempts, lockedBy }: Fence): readonly Fence[] {
  return [
    { id, attempts: attempts + 1, lockedBy },
    { id, attempts: attempts - 1, lockedBy },
    { id, attempts, lockedBy: `${lockedBy}x` },
    { id, attempts, lockedBy: "" },
    { id: "9223372036854775807", attempts, lockedBy },
  ];
}
