import type { CheckedJob, Enqueued } from "./enqueue.ts";
import { isOutage, provesRollback } from "../sql/sql-state.ts";

interface Waiter {
  readonly job: CheckedJob;
  readonly resolve: (enqueued: Enqueued) => void;
  readonly reject: (error: unknown) => void;
}

/** Most jobs, and about the most bytes, of one shared statement. */
const MAX_SHARED = 500;
const MAX_SHARED_CHARACTERS = 1_048_576;

/**
 * Concurrent enqueues share a statement: those of one moment leave together at
 * once, those that come while it is under way when it is back. Each caller's
 * promise settles after its own row's commit. Only for connections that outlive
 * a request, and for jobs without dedupe keys, which wait for no other transaction.
 */
export class CoalescingEnqueue {
  readonly #write: (jobs: readonly CheckedJob[]) => Promise<readonly (Enqueued | null)[]>;
  #waiting: Waiter[] = [];
  #underWay = false;

  /** @param write writes jobs without dedupe keys in one statement */
  constructor(write: (jobs: readonly CheckedJob[]) => Promise<readonly (Enqueued | null)[]>) {
    this.#write = write;
  }

  /** Writes one job, perhaps together with others. */
  enqueue(job: CheckedJob): Promise<Enqueued> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ job, resolve, reject });
      if (!this.#underWay) void this.#drain();
    });
  }

  async #drain(): Promise<void> {
    this.#underWay = true;
    // Callers whose answers have just come call again together, each in a microtask of this same round: the first of
    // them must not leave alone, with the others waiting for it.
    await Promise.resolve();
    while (this.#waiting.length > 0) {
      await this.#writeTogether(this.#waiting.splice(0, shareable(this.#waiting)));
    }
    this.#underWay = false;
  }

  async #writeTogether(group: readonly Waiter[]): Promise<void> {
    try {
      const enqueued = await this.#write(group.map(({ job }) => job));
      group.forEach(({ resolve, reject }, index) => {
        const own = enqueued[index];
        if (own) resolve(own);
        else reject(new Error("enqueue: the database returned fewer rows than jobs were sent"));
      });
    } catch (error) {
      // One bad job fails one caller: what was refused as a whole goes again job by job. Where the database is
      // away, full or out of connections no job is to blame, and hundreds of statements would only add to it.
      if (group.length > 1 && provesRollback(error) && !isOutage(error))
        for (const waiter of group) await this.#writeTogether([waiter]);
      else for (const { reject } of group) reject(error);
    }
  }
}

function shareable(waiting: readonly Waiter[]): number {
  let characters = 0;
  const end = waiting.findIndex(({ job }, index) => {
    characters += job.payloadText.length;
    return index > 0 && (index >= MAX_SHARED || characters > MAX_SHARED_CHARACTERS);
  });
  return end === -1 ? waiting.length : end;
}
