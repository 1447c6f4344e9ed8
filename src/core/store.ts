import { cancelStatement, cancelText, readCancelled } from "./operations/cancel.ts";
import type { Cancelled } from "./operations/cancel.ts";
import { contractOf } from "./contract.ts";
import type { JobContracts, JobName, UntypedJobs } from "./contract.ts";
import { InvalidInputError, LeaseLostError } from "./errors.ts";
import type { CallOptions, QueryOptions, SqlExecutor, SqlRow, SqlStatement } from "./executor.ts";
import { enqueueKeys } from "./enqueue/keys/enqueue-keys.ts";
import { extendStatement, extendText, readExtend } from "./operations/extend.ts";
import type { ExtendAnswer } from "./operations/extend.ts";
import { findPickUpStatement, findPickUpText, readFoundPickUp } from "./operations/find-pickup.ts";
import { getStatement, getText, readGot } from "./operations/get.ts";
import { checkId } from "./values/job-id.ts";
import type { Fence, Job, JobOf, PickedUpJob } from "./job.ts";
import { RESULT_LIMITS, encodeJson } from "./values/json.ts";
import { listStatement, listText, readPage } from "./operations/list.ts";
import type { JobPage, ListOptions } from "./operations/list.ts";
import { checkPickup, checkReap } from "./turn/pickup-options.ts";
import type { PickupOptions } from "./turn/pickup-options.ts";
import type { Logger } from "./logger.ts";
import { CALL_OPTIONS, checkOptions } from "./values/known-options.ts";
import { parsePayload } from "./values/parse-payload.ts";
import { JobProducer } from "./producer.ts";
import type { ProducerOptions } from "./producer.ts";
import { holdersText, readHolders } from "./operations/prune-holders.ts";
import { pruneStatement, pruneText, readPruned } from "./operations/prune.ts";
import type { PruneQuery, Pruned } from "./operations/prune.ts";
import type { PruneOptions } from "./operations/prune-rules.ts";
import { RETRY_OPTIONS, readRetried, retryStatement, retryText } from "./operations/retry.ts";
import type { RetryOptions, Retried } from "./operations/retry.ts";
import { sendApart } from "./sql/send-apart.ts";
import { send, warnOfHiddenRows } from "./sql/run-statement.ts";
import { asLeaseLost } from "./sql/lease-lost.ts";
import { settleOrFailStatement, settleOrFailText } from "./operations/settle-in-transaction.ts";
import { failureOf } from "./turn/failure-of.ts";
import type { MarkErrorOptions } from "./turn/failure-of.ts";
import type { Due, Settlement, SettlementAnswer } from "./turn/settlement.ts";
import { sqlState } from "./sql/sql-state.ts";
import { readStats, statsStatement, statsText } from "./operations/stats.ts";
import type { Stats } from "./operations/stats.ts";
import { RefusedPickUps } from "./turn/refused-pickups.ts";
import { readTicks, tickStatement } from "./operations/tick.ts";
import type { Tick } from "./operations/tick.ts";
import { readTurn } from "./turn/turn-answer.ts";
import type { LimitKeeper } from "./turn/store-limits.ts";
import { TurnTexts } from "./turn/turn-texts.ts";
import type { ReapedJob, TurnAnswer } from "./turn/turn-answer.ts";
import type { TurnRequest } from "./turn/turn-request.ts";

/** Options of a store. */
export interface StoreOptions<J extends JobContracts = UntypedJobs> extends ProducerOptions<J> {
  /**
   * Reads a payload's JSON text before a handler gets it, and for `get` and `list`; may be asynchronous.
   *
   * @default JSON.parse, refusing integers beyond 2^53
   */
  readonly parse?: ((text: string) => unknown) | undefined;
  /**
   * `keepLimits` of `pqrun/limits`, for contracts with `concurrency` or `rate`, and for limits that operators set. Without
   * it nothing is picked up of a type that has a row of limits.
   *
   * @default none
   */
  readonly limits?: LimitKeeper | undefined;
}

/** How often a settlement is tried whose row somebody else has locked, and a pick-up that finds nothing else. */
const BUSY_TRIES = 10;

/**
 * The queue: enqueue, look, cancel, retry and prune for applications; pick up and settle for loops of their own. What
 * pqrun's runners ask of it beside that is `runnerStore` of `pqrun/runner`.
 *
 * ```ts
 * const store = new PgJobStore(pgExecutor(pool), { jobs });
 * const { id } = await store.enqueue("embed", { text: "…" });
 * const job = await store.get("embed", id);
 * ```
 */
export class PgJobStore<J extends JobContracts = UntypedJobs, Tx = never> extends JobProducer<J, Tx> {
  /** Reads a payload's JSON text. */
  readonly parse: (text: string) => unknown;
  readonly #options: StoreOptions<J>;
  readonly #executor: SqlExecutor<Tx>;
  readonly #texts: Readonly<Record<"extend" | "find" | "settleOrFail", string>>;
  readonly #turnTexts: TurnTexts;
  readonly #refused: RefusedPickUps;
  /** The server's, at the last `pickup`. */
  #clockMs = 0;
  /** What a prune must ask of each job, once a foreign key has held one. */
  #holders: readonly string[] | undefined;

  /** Constructing does nothing but check: it may stand at a module's top level. @throws InvalidInputError */
  constructor(executor: SqlExecutor<Tx>, options?: StoreOptions<J>);
  /** @internal `with` alone knows that a transaction is open. */
  constructor(executor: SqlExecutor<Tx>, options: StoreOptions<J>, inTransaction: boolean);
  constructor(executor: SqlExecutor<Tx>, options: StoreOptions<J> = {}, inTransaction = false) {
    super(executor, { keys: enqueueKeys, ...options }, inTransaction);
    const { names } = this.connection;
    this.parse = options.parse ?? parsePayload;
    this.#options = options;
    this.#executor = executor;
    this.#turnTexts = new TurnTexts(names, !inTransaction, options.limits, options.jobs);
    this.#refused = new RefusedPickUps(this.logger);
    this.#texts = {
      extend: extendText(names),
      find: findPickUpText(names),
      settleOrFail: settleOrFailText(names),
    };
  }

  /** What runners do beside SQL through the same driver: LISTEN. @internal */
  get listen(): SqlExecutor["listen"] {
    return this.#executor.listen?.bind(this.#executor);
  }

  /** The channel on which inserts notify waiting workers. @internal */
  get channel(): string {
    return this.connection.names.channel;
  }

  /** The logger of whatever runs this store's jobs, unless it has one of its own. */
  get logger(): Logger {
    return this.connection.logger;
  }

  /** The contracts that the store was made with. */
  get jobs(): J | undefined {
    return this.#options.jobs;
  }

  /** One round trip of a runner: settles, reaps and picks up. @internal */
  async turn(request: TurnRequest, options: QueryOptions = {}): Promise<TurnAnswer> {
    const question = this.#turnTexts.question(request);
    if (question !== undefined) this.#turnTexts.keeps(await this.#read("turn", question));
    const depth = this.#turnTexts.depthOf(request);
    const statement = this.#turnTexts.statement(request, depth);
    try {
      const answer = readTurn(await send(this.connection, "turn", statement, options), request);
      const again = this.#turnTexts.answered(answer, depth);
      if (answer.rowsHidden) warnOfHiddenRows(this.connection);
      return again ? { ...answer, more: true } : answer;
    } catch (error) {
      if (!this.#turnTexts.canDoWithLess(error)) throw error;
      return await this.turn(request, options);
    }
  }

  /** Makes the jobs of the schedules whose tick is due, 100 at most. Every worker and drain does so by itself. */
  async tick(options: QueryOptions = {}): Promise<readonly Tick[]> {
    return readTicks(await send(this.connection, "tick", tickStatement(this.connection.names), options));
  }

  /** Extends the leases of running jobs. @internal */
  async extend(
    jobs: readonly Fence[],
    leaseMs: number,
    options: QueryOptions = {},
  ): Promise<readonly ExtendAnswer[]> {
    if (jobs.length === 0) return [];
    return readExtend(
      await send(this.connection, "extend", extendStatement(this.#texts.extend, jobs, leaseMs), options),
    );
  }

  /** The jobs of pick-ups whose answers were lost, by their nonces. @internal */
  async findPickUp(lockedBy: readonly string[], options: QueryOptions = {}): Promise<readonly PickedUpJob[]> {
    const statement = findPickUpStatement(this.#texts.find, lockedBy);
    return readFoundPickUp(await send(this.connection, "findPickUp", statement, { ...options, reads: true }));
  }

  /**
   * Picks up jobs for a loop of the caller's own, which then settles each with `markDone` or `markError`. None means
   * that none is due, or that others had all that is due locked at each of ten looks. A job that PostgreSQL refuses to
   * let be picked up is logged and left out for a while.
   */
  async pickup(options: PickupOptions): Promise<readonly PickedUpJob[]> {
    const { types, limit, workerId, leaseMs } = checkPickup(options);
    // What a transaction takes counts with its COMMIT alone, and that comes from a caller who is there.
    const withinMs = this.connection.inTransaction ? undefined : leaseMs / 2;
    for (let tries = 1; ;) {
      const lockedBy = `${workerId}:${crypto.randomUUID()}`;
      const wanted = { types, slots: limit, lockedBy, leaseMs, withinMs };
      const pickUp = this.#refused.next(wanted, this.#clockMs);
      try {
        const answer = await this.turn({ pickUp });
        this.#clockMs = answer.clockMs;
        const { jobs, contended, deeper } = this.#refused.answered(pickUp, answer, answer.clockMs);
        if (jobs.length > 0) return jobs;
        // A part says nothing of the rest.
        if (pickUp.only !== undefined || pickUp.looks === true) continue;
        if (!(contended || deeper) || tries === BUSY_TRIES) return jobs;
        tries += 1;
      } catch (error) {
        // There a refusal is the end of the caller's transaction.
        if (this.connection.inTransaction || !this.#refused.refused(pickUp, error, true, this.#clockMs))
          throw error;
      }
    }
  }

  /** Settles a picked-up job as DONE. @throws LeaseLostError where another attempt has it. */
  async markDone(job: Fence, result?: unknown, durationMs: number | null = null): Promise<SettlementAnswer> {
    const resultText = result === undefined ? null : encodeJson(result, "result", RESULT_LIMITS);
    return await this.#settleOne({ job, durationMs, outcome: "done", resultText });
  }

  /**
   * Settles a picked-up job as a failed attempt: READY again at `due`, or
   * FAILED where no attempt is left, or at once where `terminal` is set. What
   * handlers may throw means the same here: a NonRetriableError makes it FAILED,
   * a RetryAfterError says when, a SnoozeError gives the attempt back.
   *
   * @param how when it is due again, or more. @default the Python package's backoff: 1m, 5m, 30m, 2h, 6h
   * @throws LeaseLostError where another attempt has it.
   */
  async markError(job: Fence, error: unknown, how: Due | MarkErrorOptions = {}): Promise<SettlementAnswer> {
    return await this.#settleOne({ job, durationMs: null, ...failureOf(error, job.attempts, how) });
  }

  /** Gives a picked-up job back unstarted, its attempt with it. @throws LeaseLostError where another attempt has it. */
  async release(job: Fence): Promise<SettlementAnswer> {
    return await this.#settleOne({ job, durationMs: null, outcome: "release" });
  }

  /**
   * Reaps once: jobs whose lease has ended are READY again, or FAILED.
   *
   * @param defaultTimeoutSeconds after which a Python worker's job is lost that doesn't say, 0 to 2,147,483
   */
  async reapStale(defaultTimeoutSeconds = 1_200, limit = 100): Promise<readonly ReapedJob[]> {
    checkReap(defaultTimeoutSeconds, limit);
    return (await this.turn({ reap: { defaultTimeoutSeconds, limit } })).reaped;
  }

  /** Cancels a READY or RUNNING job; a running handler's signal aborts when its worker next extends. */
  async cancel(id: string, options: CallOptions = {}): Promise<Cancelled> {
    checkOptions(options, CALL_OPTIONS);
    const statement = cancelStatement(cancelText(this.connection.names), checkId("id", id));
    return readCancelled(await send(this.connection, "cancel", statement, options));
  }

  /**
   * Makes a FAILED job READY, its attempts beginning anew, behind the steps that it has remembered; `blockedBy` names
   * the job because of which it stays FAILED, since
   * that is active and has its dedupe key, or waits and has its debounce key. In a transaction of the caller's it takes a savepoint.
   *
   * @throws DedupeConflictError where the key became active, and free again, at each of five tries.
   */
  async retry(id: string, options: RetryOptions = {}): Promise<Retried> {
    checkOptions(options, RETRY_OPTIONS);
    const { names } = this.connection;
    const statement = (debounces: boolean): SqlStatement =>
      retryStatement(retryText(names, debounces, options.fromStart), checkId("id", id));
    return readRetried(await sendApart(this.connection, "retry", statement(true), statement(false)));
  }

  /**
   * Deletes finished jobs by age, at most `limit` of them, those that were enqueued first first.
   *
   * It costs little where there is little to delete, since it does not look at all of a large table: at its first rows,
   * where the oldest jobs are unless others are kept before them, and at a sample of the rest. So what is old goes with
   * the next calls, and a hundredth of the table may be left when one deletes none. A job that a foreign key holds stays
   * and keeps no other; to see that, the statement is sent again after two more, once for each store.
   *
   * @throws InvalidInputError naming the option.
   */
  async prune(options: PruneOptions, { another = () => true, ...query }: PruneQuery = {}): Promise<Pruned> {
    const { names, inTransaction } = this.connection;
    const prune = async (): Promise<Pruned> => {
      const statement = pruneStatement(pruneText(names, this.#holders), options);
      return readPruned(await send(this.connection, "prune", statement, query), options);
    };
    // There a refusal would be the end of the caller's transaction.
    if (inTransaction) await this.#findHolders(query);
    try {
      return await prune();
    } catch (error) {
      if (sqlState(error) !== "23503" || inTransaction || !another()) throw error;
      await this.#findHolders(query);
      if (!another()) throw error;
      return await prune();
    }
  }

  /** One job, or null. */
  async get(id: string, options?: CallOptions): Promise<Job | null>;
  /**
   * One job with its contract's payload and result, or null: also for a job of another type.
   *
   * @throws InvalidInputError where the store has contracts, and none of this type.
   */
  async get<N extends JobName<J>>(type: N, id: string, options?: CallOptions): Promise<JobOf<J, N> | null>;
  async get(first: string, second?: string | CallOptions, third?: CallOptions): Promise<Job | null> {
    const [id, options = {}, type] =
      typeof second === "object" || second === undefined ? [first, second] : [second, third, first];
    checkOptions(options, CALL_OPTIONS);
    if (type !== undefined) contractOf(this.jobs, type, "type");
    const statement = getStatement(getText(this.connection.names), checkId("id", id));
    const job = await readGot(await this.#read("get", statement, options), this.parse);
    return type === undefined || job?.type === type ? job : null;
  }

  /**
   * The jobs of the first page, newest first: see {@link PgJobStore.page}, which also says whether more follow.
   *
   * @throws InvalidInputError naming the option.
   */
  async list(options: ListOptions = {}): Promise<readonly Job[]> {
    return (await this.page(options)).jobs;
  }

  /**
   * Jobs, newest first, in some milliseconds however large the table is. For what has no index, such as DONE jobs of one
   * type, a page looks at the newest 2,000 jobs before `beforeId`, and may hold few or none: `next` goes on from there.
   *
   * @throws InvalidInputError naming the option.
   */
  async page(options: ListOptions = {}): Promise<JobPage> {
    const statement = listStatement(listText(this.connection.names), options);
    return await readPage(await this.#read("list", statement), options, this.parse);
  }

  /** What is in the table, in some milliseconds however large it is: `about` names the figures that are estimates. */
  async stats(): Promise<Stats> {
    const { names } = this.connection;
    return readStats(await this.#read("stats", statsStatement(statsText(names), names)));
  }

  /**
   * Runs `work` in a transaction of the driver's: `tx.query` for its own SQL,
   * `store.with(tx)` to enqueue, `ctx.settleIn(tx)` to settle. Absent over Neon
   * HTTP: use `enqueueStatement` and `settleStatement` there.
   */
  async transaction<T>(work: (tx: SqlExecutor) => Promise<T>): Promise<T> {
    if (this.#executor.transaction === undefined) {
      throw new InvalidInputError(
        "executor",
        "one with interactive transactions (a pool, not HTTP or one client)",
        this.#executor,
      );
    }
    return await this.#executor.transaction(work);
  }

  /** A store that speaks inside the caller's transaction: an executor of `transaction`, or the driver's own. */
  override with(tx: Tx | SqlExecutor): PgJobStore<J> {
    return new PgJobStore(this.executorOf(tx), this.#options, true);
  }

  /**
   * The statement that settles `job` as DONE or fails, and so rolls back the list that it stands in.
   *
   * @param forgetsSteps whether to delete what the job's steps have remembered
   */
  settleStatement(job: Fence, result?: unknown, durationMs = 0, forgetsSteps = false): SqlStatement {
    const resultText = result === undefined ? null : encodeJson(result, "result", RESULT_LIMITS);
    const text = forgetsSteps ? settleOrFailText(this.connection.names, true) : this.#texts.settleOrFail;
    return settleOrFailStatement(text, job, resultText, durationMs);
  }

  /** Settles `job` as DONE inside a transaction. @throws LeaseLostError: the transaction can only be rolled back then. */
  async settleIn(
    tx: Tx | SqlExecutor,
    job: Fence,
    result?: unknown,
    durationMs = 0,
    forgetsSteps = false,
  ): Promise<void> {
    const { text, params } = this.settleStatement(job, result, durationMs, forgetsSteps);
    try {
      await this.executorOf(tx).query(text, params, { own: true });
    } catch (error) {
      throw asLeaseLost(error, job.id);
    }
  }

  async #findHolders(query: QueryOptions): Promise<void> {
    const statement = { text: holdersText(this.connection.names), params: [] };
    this.#holders = readHolders(await send(this.connection, "prune", statement, { ...query, reads: true }));
  }

  async #settleOne(settlement: Settlement): Promise<SettlementAnswer> {
    const { id } = settlement.job;
    for (let tries = 1; tries <= BUSY_TRIES; tries += 1) {
      const [answer] = (await this.turn({ settlements: [settlement] })).settlements;
      if (answer === undefined || answer.verdict === "lost" || answer.verdict === "cancelled") {
        throw new LeaseLostError(id);
      }
      if (answer.verdict !== "busy") return answer;
    }
    // An error, not a return value: a caller that overlooks it loses the settlement, and the job runs again.
    throw new Error(`job ${id} is locked by another transaction: nothing was written, settle it again`);
  }

  #read(operation: string, statement: SqlStatement, options: CallOptions = {}): Promise<readonly SqlRow[]> {
    return send(this.connection, operation, statement, { ...options, reads: true });
  }
}
