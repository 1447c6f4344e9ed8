import type { JobContract } from "../contract.ts";
import { InvalidInputError } from "../errors.ts";
import { ignored } from "../safely.ts";
import { MAX_KEY_LENGTH, checkText } from "./check-job.ts";
import type { CheckedJob } from "./enqueue.ts";

/**
 * The job with the key that its contract makes of the payload, where the enqueue has named none.
 *
 * @throws InvalidInputError naming the contract where that throws, or makes no key.
 */
export function withConcurrencyKey(
  job: CheckedJob,
  contract: JobContract | undefined,
  payload: unknown,
): CheckedJob {
  const concurrency = contract?.concurrency;
  if (concurrency?.key === undefined || job.concurrency_key !== undefined) return job;
  const field = `jobs.${job.type}.concurrency.key`;
  let key: unknown;
  try {
    key = concurrency.key(payload as object);
  } catch (cause) {
    throw new InvalidInputError(field, "a key", cause, { cause });
  }
  if (key === undefined) return job;
  // A promise is no key, and nobody waits for one that rejects.
  if (typeof key === "object") void Promise.resolve(key).catch(ignored);
  checkText(field, key, MAX_KEY_LENGTH);
  return { ...job, concurrency_key: key };
}
