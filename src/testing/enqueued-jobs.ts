import type { InputOf, JobContracts, JobName, Jsonified } from "../core/contract.ts";
import type { Job } from "../core/job.ts";
import type { PgJobStore } from "../core/store.ts";

/** A job that waits to be run, as plain data: any assertion library compares it. */
export interface EnqueuedJob<J extends JobContracts, N extends JobName<J>> {
  readonly id: string;
  readonly type: N;
  /** As JSON gives it back. */
  readonly payload: Jsonified<InputOf<J[N]>>;
  /** How long after it was enqueued it is due, in milliseconds: its `delayMs`, or a retry's wait. */
  readonly delayMs: number;
  readonly dedupeKey: string | null;
  readonly priority: number;
  /** Attempts so far: 0 of a job that has not run. */
  readonly attempts: number;
  readonly maxAttempts: number;
  readonly timeoutSeconds: number | null;
}

const PAGE = 1_000;

/** The READY jobs, of one type or of all, in the order in which they were enqueued. */
export async function enqueuedJobs<J extends JobContracts, Tx, N extends JobName<J>>(
  store: PgJobStore<J, Tx>,
  type: N | undefined,
): Promise<readonly EnqueuedJob<J, N>[]> {
  const found: Job[] = [];
  for (let beforeId: string | undefined; ;) {
    const { jobs, next } = await store.page({
      statuses: ["READY"],
      limit: PAGE,
      ...(type === undefined ? {} : { types: [type] }),
      ...(beforeId === undefined ? {} : { beforeId }),
    });
    found.push(...jobs);
    if (next === null) break;
    beforeId = next;
  }
  return found.reverse().map((job) => plain<J, N>(job));
}

function plain<J extends JobContracts, N extends JobName<J>>(job: Job): EnqueuedJob<J, N> {
  const {
    id,
    type,
    payload,
    runAfter,
    createdAt,
    dedupeKey,
    priority,
    attempts,
    maxAttempts,
    timeoutSeconds,
  } = job;
  return {
    id,
    // The contract's word for what enqueue took, as of `store.get(type, id)`.
    type: type as N,
    payload: payload as Jsonified<InputOf<J[N]>>,
    delayMs: runAfter.getTime() - createdAt.getTime(),
    dedupeKey,
    priority,
    attempts,
    maxAttempts,
    timeoutSeconds,
  };
}
