import { CoalescingEnqueue } from "./enqueue/coalescing-enqueue.ts";
import { contractOf } from "./contract.ts";
import type { InputOf, JobContracts, JobName, UntypedJobs } from "./contract.ts";
import { checkJob, checkLimits, checkSchema } from "./enqueue/check-job.ts";
import type { EnqueueOptions, PayloadLimits } from "./enqueue/check-job.ts";
import { withConcurrencyKey } from "./enqueue/concurrency-key.ts";
import { enqueueTexts } from "./enqueue/enqueue-text.ts";
import type { EnqueueTexts } from "./enqueue/enqueue-text.ts";
import { enqueueStatement, keyOf, readEnqueued } from "./enqueue/enqueue.ts";
import type { CheckedJob, EnqueueKeys, Enqueued, NewJob } from "./enqueue/enqueue.ts";
import { DedupeConflictError, InvalidInputError, UnknownOutcomeError } from "./errors.ts";
import { checkExecutor, isExecutor } from "./executor.ts";
import type { CallOptions, SqlExecutor, SqlStatement } from "./executor.ts";
import { tableNames } from "./sql/table-names.ts";
import type { TableOptions } from "./sql/table-names.ts";
import { byteLength } from "./values/utf8.ts";
import { CALL_OPTIONS, checkOptions } from "./values/known-options.ts";
import { loggerOf } from "./logger.ts";
import type { Logger } from "./logger.ts";
import { safely } from "./safely.ts";
import { send } from "./sql/run-statement.ts";
import type { Connection } from "./sql/run-statement.ts";

/** Options of a producer, and so of a store. */
export interface ProducerOptions<J extends JobContracts = UntypedJobs> extends TableOptions, PayloadLimits {
  /** The contracts by job type. @default none: any type, any JSON object */
  readonly jobs?: J | undefined;
  /** `enqueueKeys` of `pqrun/keys`, for `idempotencyKey`, `throttle` and `debounce`. A store has it. @default none */
  readonly keys?: EnqueueKeys | undefined;
  /** Where warnings go; false is silence. @default the console */
  readonly logger?: Logger | false | undefined;
}

/** The names of a store's options: an application may keep those of both in one object. A test of types keeps it complete. */
export const STORE_OPTIONS = {
  schema: true,
  table: true,
  jobs: true,
  keys: true,
  limits: true,
  logger: true,
  maxPayloadBytes: true,
  maxPayloadDepth: true,
  parse: true,
} as const;

/** One job of {@link JobProducer.enqueueMany}. */
export type JobToEnqueue<J extends JobContracts> = {
  [N in JobName<J>]: EnqueueOptions & { readonly type: N; readonly payload: InputOf<J[N]> };
}[JobName<J>];

/** Most jobs of one call. */
const MAX_JOBS_PER_CALL = 10_000;
/** Most bytes of payloads in one call. */
const MAX_BYTES_PER_CALL = 8_388_608;
/** How often a key is asked again whose active job was committed, or ended, while the statement ran. */
const MAX_ASKS = 5;

/**
 * The enqueue half of a store, alone: for edge routes that run no job.
 *
 * ```ts
 * const producer = new JobProducer(neonExecutor(neon(env.DATABASE_URL)), { jobs });
 * const { id, created } = await producer.enqueue("summarize", { conversationId: 1 });
 * ```
 */
export class JobProducer<J extends JobContracts = UntypedJobs, Tx = never> {
  /** Where pqrun's own modules send their statements. */
  readonly connection: Connection;
  protected readonly options: ProducerOptions<J>;
  readonly #executor: SqlExecutor<Tx>;
  readonly #texts: EnqueueTexts;
  readonly #coalescing: CoalescingEnqueue | undefined;
  readonly #listeners = new Set<(jobs: readonly NewJob[]) => unknown>();
  /** Whether the table has turned out to make its ids itself: there is no sequence that they can be drawn from. */
  #byDefault = false;

  /** Constructing does nothing but check: it may stand at a module's top level. @throws InvalidInputError */
  constructor(executor: SqlExecutor<Tx>, options?: ProducerOptions<J>);
  /** @internal `with` alone knows that a transaction is open. */
  constructor(executor: SqlExecutor<Tx>, options: ProducerOptions<J>, inTransaction: boolean);
  constructor(executor: SqlExecutor<Tx>, options: ProducerOptions<J> = {}, inTransaction = false) {
    checkOptions(options, STORE_OPTIONS);
    checkExecutor(executor);
    const names = tableNames(options);
    checkLimits(options);
    this.#executor = executor;
    this.options = options;
    this.connection = {
      executor,
      names,
      logger: loggerOf(options.logger),
      inTransaction,
      warned: { isolation: false },
    };
    this.#texts = enqueueTexts(names);
    if (executor.outlivesRequest === true && !inTransaction) {
      this.#coalescing = new CoalescingEnqueue((jobs) => this.#write(jobs));
    }
  }

  /**
   * Enqueues one job. Never returns without an id. With a `signal` it shares no statement with other calls.
   *
   * @throws InvalidInputError before anything is sent.
   * @throws DedupeConflictError where the dedupe key is active under another type, naming that job.
   * @throws UnknownOutcomeError where the job may be there although no answer came.
   */
  async enqueue<N extends JobName<J>>(
    type: N,
    payload: InputOf<J[N]>,
    options: EnqueueOptions & CallOptions = {},
  ): Promise<Enqueued> {
    const job = await this.#checked(type, payload, options);
    // A job with a key may have to wait for a rival's transaction, and nobody else's should wait with it. One that may
    // be given up has a statement of its own, so that the server can be asked to end it.
    const own = job.dedupeKey ?? job.key ?? options.signal;
    if (this.#coalescing !== undefined && own === undefined) return await this.#coalescing.enqueue(job);
    const [enqueued] = await this.#askAgain([job], await this.#write([job], options), options);
    if (enqueued === undefined) throw new Error("enqueue: the database returned no row");
    return enqueued;
  }

  /**
   * Enqueues 1 to 10,000 jobs, at most 8 MiB of payloads, in one statement.
   *
   * @returns ids in input order; of jobs with the same dedupe key the first one is created.
   * @throws InvalidInputError naming the job as `jobs[3].priority`, before anything is sent.
   * @throws DedupeConflictError where a dedupe key is active under another type: nothing of the call is written then,
   * unless that job came while the call ran.
   * @throws UnknownOutcomeError where some or all of the jobs may be there although no answer came.
   */
  async enqueueMany(
    jobs: readonly JobToEnqueue<J>[],
    options: CallOptions = {},
  ): Promise<readonly Enqueued[]> {
    checkOptions(options, CALL_OPTIONS);
    const isList: boolean = Array.isArray(jobs);
    if (!isList || jobs.length < 1 || jobs.length > MAX_JOBS_PER_CALL) {
      throw new InvalidInputError("jobs", `a list of 1 to ${MAX_JOBS_PER_CALL} jobs`, jobs);
    }
    const checked: CheckedJob[] = [];
    /** Which job has a key first. */
    const keys = new Map<string, CheckedJob>();
    let bytes = 0;
    for (const [index, entry] of (jobs as readonly unknown[]).entries()) {
      if (typeof entry !== "object" || entry === null) {
        throw new InvalidInputError(`jobs[${index}]`, "a job: its type, its payload and its options", entry);
      }
      const { type, payload, ...options } = entry as EnqueueOptions & Record<"type" | "payload", unknown>;
      const checking = this.#checked(type, payload, options, `jobs[${index}].`);
      // Ten thousand promises for nothing would be a third of the work.
      const job = checking instanceof Promise ? await checking : checking;
      bytes += byteLength(job.payloadText + (job.headers ?? ""));
      if (bytes > MAX_BYTES_PER_CALL) {
        throw new InvalidInputError("jobs", `at most ${MAX_BYTES_PER_CALL} bytes of payloads`, jobs);
      }
      checked.push(job);
      const { option, text } = keyOf(job);
      if (text === "") continue;
      const first = keys.get(option + text) ?? job;
      keys.set(option + text, first);
      if (first.type === job.type) continue;
      throw new InvalidInputError(
        `jobs[${index}].${option}`,
        `a key that no ${first.type} before it has`,
        text,
      );
    }
    const answers = await this.#write(checked, options);
    try {
      return await this.#askAgain(checked, answers, options);
    } catch (error) {
      // What the first statement wrote is there, whatever became of the rest.
      const partly = !this.connection.inTransaction && answers.some((answer) => answer?.created);
      throw partly ? new UnknownOutcomeError("enqueueMany", error) : error;
    }
  }

  /**
   * The statement that enqueues one job, for transactions that are lists. It
   * returns one row `{ id, created }` of text; `id` is null where a rival's job
   * with the dedupe key was committed while it ran. With a dedupe key it has a
   * `type` too: that of the job that has the key, where it is not this one.
   */
  async enqueueStatement<N extends JobName<J>>(
    type: N,
    payload: InputOf<J[N]>,
    options: EnqueueOptions = {},
  ): Promise<SqlStatement> {
    const job = await this.#checked(type, payload, options);
    return enqueueStatement(this.#texts, [job], false);
  }

  /** A producer that enqueues inside the caller's transaction: an executor of `transaction`, or the driver's own. */
  with(tx: Tx | SqlExecutor): JobProducer<J> {
    return new JobProducer(this.executorOf(tx), this.options, true);
  }

  /** The job is committed by now: a listener's failure must not look like the enqueue's. */
  #tellListeners(jobs: readonly CheckedJob[]): void {
    for (const listener of this.#listeners) {
      void safely(
        () => listener(jobs),
        (error) => {
          this.connection.logger.error("an onEnqueue listener threw", { error });
        },
      );
    }
  }

  /**
   * Calls `listener` after each enqueue through this object, which so wakes the workers of its own process, with what
   * was enqueued. What it throws, or rejects with, is logged and goes no further.
   */
  onEnqueue(listener: (jobs: readonly NewJob[]) => unknown): () => void {
    this.#listeners.add(listener);
    return () => this.#listeners.delete(listener);
  }

  /** @internal */
  protected executorOf(tx: Tx | SqlExecutor): SqlExecutor {
    if (!isExecutor(tx) && this.#executor.with !== undefined) return this.#executor.with(tx);
    // What opens transactions is in none: the job would be written whatever became of the caller's.
    if (isExecutor(tx) && tx.transaction === undefined && tx.batch === undefined) return tx;
    throw new InvalidInputError("tx", "an executor in a transaction", tx);
  }

  /** At once, but for a contract with a schema: that may take its time. */
  #checked(
    type: unknown,
    payload: unknown,
    options: EnqueueOptions,
    field = "",
  ): CheckedJob | Promise<CheckedJob> {
    const contract = contractOf(this.options.jobs, type, `${field}type`);
    const job = checkJob(type, payload, options, contract, this.options, field);
    // Behind the schema: it says better what is wrong with a payload than a function that stumbles over it.
    const keyed = (): CheckedJob => withConcurrencyKey(job, contract, payload);
    if (contract?.payload === undefined) return keyed();
    return checkSchema(contract.payload, payload, job, `${field}payload`).then(keyed);
  }

  /** One statement; null for a job whose key a rival's job had, which was committed meanwhile. */
  async #write(
    jobs: readonly CheckedJob[],
    options?: CallOptions,
    all = jobs,
  ): Promise<readonly (Enqueued | null)[]> {
    let answers = await this.#send(jobs, options, all);
    if (answers === null) {
      this.#byDefault = true;
      answers = (await this.#send(jobs, options, all)) ?? [];
    }
    if (answers.length < jobs.length) throw new Error("enqueue: a trigger of the table skipped the job");
    this.#tellListeners(jobs);
    return answers;
  }

  /** Null where nothing was written, since the table makes its ids itself. */
  async #send(
    jobs: readonly CheckedJob[],
    options: CallOptions | undefined,
    all: readonly CheckedJob[],
  ): Promise<readonly (Enqueued | null)[] | null> {
    const statement = enqueueStatement(this.#texts, jobs, this.#byDefault);
    return readEnqueued(await send(this.connection, "enqueue", statement, options), jobs, all);
  }

  async #askAgain(
    jobs: readonly CheckedJob[],
    first: readonly (Enqueued | null)[],
    options: CallOptions,
  ): Promise<readonly Enqueued[]> {
    let answers = first;
    for (let asks = 0; ; asks += 1) {
      const open = jobs.filter((_, index) => answers[index] === null);
      if (open.length === 0) return answers.filter((answer) => answer !== null);
      if (asks === MAX_ASKS) {
        throw new DedupeConflictError(
          keyOf(open[0]).text,
          `enqueue: jobs with the dedupe key came and went ${MAX_ASKS} times while it was asked for, or a trigger skips the job; it was not written`,
        );
      }
      const again = [...(await this.#write(open, options, jobs))];
      answers = answers.map((answer) => answer ?? again.shift() ?? null);
    }
  }
}
