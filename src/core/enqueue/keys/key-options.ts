/**
 * Keys of a job beside `dedupeKey`: it has one of the four at most. A key is text of 1 to 512 characters, and of one type:
 * where a job of another has it, the enqueue is refused. A `JobProducer` takes them with `enqueueKeys` of `pqrun/keys`.
 */
export interface KeyOptions {
  /** As long as a job with this key is in the table, whatever its state, another enqueue writes nothing and returns its id. */
  readonly idempotencyKey?: string | undefined;
  /** At most one job of a key in a window of time: another enqueue within it writes nothing and returns that job's id. */
  readonly throttle?: ThrottleOptions | undefined;
  /** Once it is quiet: due `seconds` after the last enqueue with that key, which replaces the payload of the job that waits. */
  readonly debounce?: DebounceOptions | undefined;
}

/** Windows begin at multiples of `seconds` since 1970, by the database's clock. */
export interface ThrottleOptions {
  readonly key: string;
  /** 1 to 1,000,000,000. */
  readonly seconds: number;
}

/** While the job waits, and was never picked up; the enqueue after that makes the next job. Not with `runAfter` or `delayMs`. */
export interface DebounceOptions {
  readonly key: string;
  /** 1 to 1,000,000,000. */
  readonly seconds: number;
  /** Never later than so long after the job's creation, `seconds` at least. @default 10 × seconds */
  readonly maxSeconds?: number | undefined;
}
