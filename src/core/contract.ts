import { InvalidInputError } from "./errors.ts";
import type { StandardSchema } from "./values/standard-schema.ts";

/** What a contract says of every job of its type, unless an enqueue says otherwise. */
export interface JobDefaults {
  /** Longest run of a handler, in seconds; written to the row at enqueue. @default the runner's (WORKER_STALE_TIMEOUT) */
  readonly timeoutSeconds?: number | undefined;
  /** Most attempts. @default 5 */
  readonly maxAttempts?: number | undefined;
  /** Higher is sooner, an int4. @default 0 */
  readonly priority?: number | undefined;
}

/** How many jobs of a type may run at once, over all workers and drains that know the contract. */
export interface Concurrency<Input extends object = object> {
  /** Most jobs that run, from 1. @default no bound */
  readonly total?: number | undefined;
  /** Most jobs of one key that run, from 1. Jobs without a key know only `total`. @default no bound */
  readonly perKey?: number | undefined;
  /**
   * The key of a job, of what enqueue was given as its payload, unless that names a `concurrencyKey`: 1 to 512 characters,
   * or undefined for none. Asked at each enqueue, which is refused where it throws; not of a schedule's jobs, which have none.
   *
   * @default no key
   */
  key?(payload: Input): string | undefined;
  /**
   * Which job is next: the one that has been `due` for longest; keys take `turns`; or, with a `perKey` of 1, in `strict`
   * order of enqueue, where a job that has begun holds its key until it is DONE, FAILED or CANCELLED. @default "due"
   */
  readonly order?: "due" | "turns" | "strict" | undefined;
}

/** How many jobs of a type may start: never more than `limit` within any `seconds`, over all workers and drains that know the contract. */
export interface Rate {
  /** Most starts, from 1. Each attempt is one. */
  readonly limit: number;
  /** Within how many seconds, above 0, to 2,147,483. */
  readonly seconds: number;
}

/**
 * What JSON gives back of a `T`: a Date as a string, anything with `toJSON` as what that returns, a class as its fields.
 * A type that JSON leaves alone is itself.
 */
export type Jsonified<T> = JsonForm<T> extends T ? T : JsonForm<T>;

type Primitive = string | number | boolean | bigint | symbol | null | undefined;
type AnyFunction = (...args: never) => unknown;

type JsonForm<T> = T extends Primitive
  ? T
  : T extends { toJSON(...args: never): infer Json }
    ? JsonForm<Json>
    : T extends AnyFunction
      ? never
      : T extends readonly unknown[]
        ? { [K in keyof T]: JsonForm<T[K]> }
        : T extends object
          ? { [K in keyof T as T[K] extends AnyFunction ? never : K]: JsonForm<T[K]> }
          : T;

declare const INPUT: unique symbol;
declare const OUTPUT: unique symbol;
declare const RESULT: unique symbol;

/**
 * One type of job, without its handler: an edge route that only enqueues
 * bundles contracts alone. `Input` is what enqueue takes and the table stores,
 * `Output` what the handler gets, `Result` what it returns.
 */
export interface JobContract<
  Input extends object = object,
  Output = unknown,
  Result = unknown,
> extends JobDefaults {
  readonly payload?: StandardSchema<Input, Output> | undefined;
  readonly result?: StandardSchema<Result, unknown> | undefined;
  /** How many may run at once. @default no bound */
  readonly concurrency?: Concurrency<Input> | undefined;
  /** How many may start within a time. @default no bound */
  readonly rate?: Rate | undefined;
  /** How long rows are kept. @default until they are pruned */
  readonly retain?: Retain | undefined;
  /** Whether a job that is DONE keeps the steps that it has remembered, for as long as its row stands. @default false */
  readonly keepSteps?: boolean | undefined;
  /** Types only, never a value. */
  readonly [INPUT]?: Input;
  /** Types only, never a value. */
  readonly [OUTPUT]?: Output;
  /** Types only, never a value. */
  readonly [RESULT]?: Result;
}

/** How long the rows of a type are kept. */
export interface Retain {
  /** 0: the settlement of a job that is DONE deletes its row, and its result and keys with it. */
  readonly done?: 0 | undefined;
}

/** Contracts by job type. */
export type JobContracts = Readonly<Record<string, JobContract>>;

/** A store without contracts: any type, any payload, checked only to be JSON. */
export type UntypedJobs = Readonly<Record<string, JobContract<AnyPayload, JsonObject>>>;

/** What may be enqueued without a contract: also an interface, which has no index signature. A list is no payload. */
export type AnyPayload = JsonObject | (object & { readonly [Symbol.iterator]?: never });

/** A payload without a contract. */
export type JsonObject = Readonly<Record<string, unknown>>;

/** The names of the job types. */
export type JobName<J> = keyof J & string;
/** What enqueue takes. */
export type InputOf<C> = C extends JobContract<infer Input, infer _Output, infer _Result> ? Input : never;
/** What a handler gets. */
export type OutputOf<C> = C extends JobContract<infer _Input, infer Output, infer _Result> ? Output : never;
/** What a handler returns. */
export type ResultOf<C> = C extends JobContract<infer _Input, infer _Output, infer Result> ? Result : never;

/**
 * The contract of one job type: with any Standard Schema, or with a type alone.
 *
 * ```ts
 * const jobs = {
 *   summarize: defineJob({ payload: z.object({ conversationId: z.number() }), timeoutSeconds: 300 }),
 *   embed: defineJob<{ text: string }, { dimensions: number }>(),
 * };
 * ```
 *
 * The schema validates at enqueue, and again before the handler, whose payload is
 * the second validation's output; without one a handler gets what JSON gives back, a Date
 * as a string. What JSON changes is validated in both forms. A `result` schema validates what a handler returns; what
 * it refuses is not stored, and the job is DONE all the same.
 */
export function defineJob<Input extends object, Result = unknown>(
  options?: JobDefaults & {
    readonly retain?: Retain | undefined;
    readonly payload?: undefined;
    readonly result?: StandardSchema<Result, unknown> | undefined;
    readonly concurrency?: Concurrency<Input> | undefined;
    readonly rate?: Rate | undefined;
    readonly keepSteps?: boolean | undefined;
  },
): JobContract<Input, Jsonified<Input>, Result>;
export function defineJob<Input extends object, Output, Result = unknown>(
  options: JobDefaults & {
    readonly retain?: Retain | undefined;
    readonly payload: StandardSchema<Input, Output>;
    readonly result?: StandardSchema<Result, unknown> | undefined;
    readonly concurrency?: Concurrency<Input> | undefined;
    readonly rate?: Rate | undefined;
    readonly keepSteps?: boolean | undefined;
  },
): JobContract<Input, Output, Result>;
export function defineJob(options: JobContract = {}): JobContract {
  for (const field of ["payload", "result"] as const) {
    const schema: unknown = options[field];
    if (schema !== undefined && !isStandardSchema(schema)) {
      throw new InvalidInputError(field, "a Standard Schema (Zod, Valibot, ArkType …)", schema);
    }
  }
  // In plain JavaScript nothing else says that only 0 is something.
  const done: unknown = options.retain?.done;
  if (done !== undefined && done !== 0) throw new InvalidInputError("retain.done", "0", done);
  return Object.freeze({ ...options });
}

/**
 * The contract of a type, or undefined where there are no contracts at all.
 *
 * @throws InvalidInputError where there are contracts, and none of this type.
 */
export function contractOf(
  jobs: JobContracts | undefined,
  type: unknown,
  field: string,
): JobContract | undefined {
  if (jobs === undefined) return undefined;
  const contract = typeof type === "string" && Object.hasOwn(jobs, type) ? jobs[type] : undefined;
  if (contract === undefined)
    throw new InvalidInputError(field, `one of ${Object.keys(jobs).join(", ")}`, type);
  return contract;
}

function isStandardSchema(value: unknown): boolean {
  // ArkType's schemas are functions.
  return (typeof value === "object" || typeof value === "function") && value !== null && "~standard" in value;
}
