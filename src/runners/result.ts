import type { JobContracts, JobName } from "../core/contract.ts";
import type { CallOptions } from "../core/executor.ts";
import type { AnyStatus, JobOf } from "../core/job.ts";
import type { PgJobStore } from "../core/store.ts";
import { checkOptions } from "../core/values/known-options.ts";
import { Waiter, uponAbort } from "./wait.ts";

/** How soon the row is looked at again; each time twice as long. */
const FIRST_LOOK_MS = 100;
const LONGEST_WAIT_MS = 2_000;

/** The job has ended otherwise than DONE, or its row is gone. The message is its last error. */
export class JobFailedError extends Error {
  readonly jobId: string;
  /** FAILED or CANCELLED; null where there is no such row, or none of that type. */
  readonly status: AnyStatus | null;

  constructor(jobId: string, status: AnyStatus | null, message: string) {
    super(message);
    this.name = "JobFailedError";
    this.jobId = jobId;
    this.status = status;
  }
}

/**
 * The result of a job once it is DONE, read with its contract's type; null where its handler returned nothing. It looks at
 * the row after 100 ms, and then each time after twice as long, up to every 2 s: for a script, a test, or a request that can
 * wait. It waits for as long as the job takes: give it a signal, such as `AbortSignal.timeout(10_000)`.
 *
 * ```ts
 * const { id } = await store.enqueue("summarize", { conversationId: 1 });
 * const summary = await result(store, "summarize", id, { signal: AbortSignal.timeout(10_000) });
 * ```
 *
 * @throws JobFailedError where it is FAILED or CANCELLED, or no such row is there: pruned, or deleted by its contract.
 * @throws the signal's reason.
 */
export async function result<J extends JobContracts, Tx, N extends JobName<J>>(
  store: PgJobStore<J, Tx>,
  type: N,
  id: string,
  options: CallOptions = {},
): Promise<JobOf<J, N>["result"]> {
  checkOptions(options, { signal: true });
  const { signal } = options;
  const waiter = new Waiter();
  const { forget } = uponAbort(signal, () => {
    waiter.wake();
    return Promise.resolve();
  });
  try {
    for (let ms = FIRST_LOOK_MS; ; ms = Math.min(2 * ms, LONGEST_WAIT_MS)) {
      const job = await store.get(type, id, options);
      if (job === null) throw new JobFailedError(id, null, `job ${id} of the type ${type} is not there`);
      const { status, lastError } = job;
      if (status === "DONE") return job.result;
      if (status === "FAILED" || status === "CANCELLED") {
        throw new JobFailedError(id, status, lastError ?? `job ${id} is ${status}`);
      }
      await waiter.wait(ms);
      signal?.throwIfAborted();
    }
  } finally {
    forget();
  }
}
