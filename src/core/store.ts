import { cancelStatement, cancelText, readCancelled } from "./operations/cancel.ts";
import type { Cancelled } from "./operations/cancel.ts";
import type { JobContracts, UntypedJobs } from "./contract.ts";
import { errorText } from "./values/error-text.ts";
import { DedupeConflictError, InvalidInputError, LeaseLostError } from "./errors.ts";
import type { QueryOptions, SqlExecutor, SqlRow, SqlStatement } from "./executor.ts";
import { extendStatement, extendText, readExtend } from "./operations/extend.ts";
import type { ExtendAnswer } from "./operations/extend.ts";
import { findPickUpStatement, findPickUpText, readFoundPickUp } from "./operations/find-pickup.ts";
import { getStatement, getText, readGot } from "./operations/get.ts";
import { checkId } from "./values/job-id.ts";
import type { Fence, Job, PickedUpJob } from "./job.ts";
import { RESULT_LIMITS, encodeJson } from "./values/json.ts";
import { listStatement, listText, readListed } from "./operations/list.ts";
import type { ListOptions } from "./operations/list.ts";
import { checkJobTypes, checkWorkerId } from "./values/check-names.ts";
import type { Logger } from "./logger.ts";
import { parsePayload } from "./values/parse-payload.ts";
import { backoffPolicy } from "./delay-policies.ts";
import { JobProducer } from "./producer.ts";
import type { ProducerOptions } from "./producer.ts";
import { holdersText, readHolders } from "./operations/prune-holders.ts";
import { pruneStatement, pruneText, readPruned } from "./operations/prune.ts";
import type { PruneOptions, PruneQuery, Pruned } from "./operations/prune.ts";
import { readRetried, retryStatement, retryText } from "./operations/retry.ts";
import type { Retried } from "./operations/retry.ts";
import { send } from "./sql/run-statement.ts";
import { asLeaseLost, settleOrFailStatement, settleOrFailText } from "./operations/settle-in-transaction.ts";
import type { Due, Settlement, SettlementAnswer } from "./turn/settlement.ts";
import { sizedText } from "./turn/text-for-table-size.ts";
import { sqlState } from "./sql/sql-state.ts";
import { readStats, statsStatement, statsText } from "./operations/stats.ts";
import type { Stats } from "./operations/stats.ts";
import { readTicks, tickStatement } from "./operations/tick.ts";
import type { Tick } from "./operations/tick.ts";
import { turnText } from "./turn/turn-text.ts";
import type { TurnScope } from "./turn/turn-text.ts";
import { readTurn } from "./turn/turn-answer.ts";
import { turnStatement } from "./turn/turn-request.ts";
import type { ReapedJob, TurnAnswer } from "./turn/turn-answer.ts";
import type { TurnRequest } from "./turn/turn-request.ts";

/** Options of a store. */
export interface StoreOptions<J extends JobContracts = UntypedJobs> extends ProducerOptions<J> {
  /** Reads a payload's JSON text before a handler gets it; may be asynchronous. @default JSON.parse, refusing integers beyond 2^53 */
  readonly parse?: ((text: string) => unknown) | undefined;
}

/** What {@link PgJobStore.pickup} picks up. */
export interface PickupOptions {
  readonly types: readonly string[];
  /** Most jobs. @default 1 */
  readonly limit?: number | undefined;
  /** The worker's readable id. @default "pickup" */
  readonly workerId?: string | undefined;
  /** Length of the lease in milliseconds. @default 30,000 */
  readonly leaseMs?: number | undefined;
}

/** How often a settlement is tried whose row somebody else has locked, and a pick-up that finds nothing else. */
const BUSY_TRIES = 10;

/**
 * The queue: enqueue, look, cancel, retry and prune for applications; turn,
 * extend and settle for runners.
 *
 * ```ts
 * const store = new PgJobStore(pgExecutor(pool), { jobs });
 * const { id } = await store.enqueue("embed", { text: "…" });
 * const job = await store.get(id);
 * ```
 */
export class PgJobStore<J extends JobContracts = UntypedJobs, Tx = never> extends JobProducer<J, Tx> {
  /** Reads a payload's JSON text. */
  readonly parse: (text: string) => unknown;
  readonly #options: StoreOptions<J>;
  readonly #executor: SqlExecutor<Tx>;
  readonly #texts: Readonly<Record<"extend" | "find" | "settleOrFail", string>>;
  readonly #turnTexts = new Map<TurnScope, string>();
  #tableBytes = 0;
  /** Whether the turn asks for the next tick: in a caller's transaction a table without schedules would end that. */
  #asksTick: boolean;
  /** What a prune must ask of each job, once a foreign key has held one. */
  #holders: readonly string[] | undefined;

  /** Constructing does nothing but check: it may stand at a module's top level. @throws InvalidInputError */
  constructor(executor: SqlExecutor<Tx>, options: StoreOptions<J> = {}, inTransaction = false) {
    super(executor, options, inTransaction);
    const { names } = this.connection;
    this.parse = options.parse ?? parsePayload;
    this.#options = options;
    this.#executor = executor;
    this.#asksTick = !inTransaction;
    this.#texts = {
      extend: extendText(names),
      find: findPickUpText(names),
      settleOrFail: settleOrFailText(names),
    };
  }

  /** What runners do beside SQL through the same driver: LISTEN. */
  get listen(): SqlExecutor["listen"] {
    return this.#executor.listen?.bind(this.#executor);
  }

  /** The channel on which inserts notify waiting workers. */
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

  /** One round trip of a runner: settles, reaps and picks up. */
  async turn(request: TurnRequest, options: QueryOptions = {}): Promise<TurnAnswer> {
    const statement = turnStatement((scope) => sizedText(this.#turnText(scope), this.#tableBytes), request);
    try {
      const answer = readTurn(await send(this.connection, "turn", statement, options), request);
      this.#tableBytes = answer.tableBytes;
      if (typeof answer.nextTickInMs === "number") this.#askTick(true);
      return answer;
    } catch (error) {
      // A table of an older version has no schedules, or its roles no right to them: jobs are run all the same.
      if (!this.#asksTick || !/^42(?:P01|501)$/.test(sqlState(error) ?? "")) throw error;
      this.#askTick(false);
      return await this.turn(request, options);
    }
  }

  /** Makes the jobs of the schedules whose tick is due, 100 at most. Every worker and drain does so by itself. */
  async tick(options: QueryOptions = {}): Promise<readonly Tick[]> {
    return readTicks(await send(this.connection, "tick", tickStatement(this.connection.names), options));
  }

  /** Extends the leases of running jobs. */
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

  /** The jobs of pick-ups whose answers were lost, by their nonces. */
  async findPickUp(lockedBy: readonly string[], options: QueryOptions = {}): Promise<readonly PickedUpJob[]> {
    const statement = findPickUpStatement(this.#texts.find, lockedBy);
    return readFoundPickUp(await send(this.connection, "findPickUp", statement, { ...options, reads: true }));
  }

  /**
   * Picks up jobs for a loop of the caller's own, which then settles each with `markDone` or `markError`. None means
   * that none is due, or that others had all that is due locked at each of ten looks.
   */
  async pickup({
    types,
    limit = 1,
    workerId = "pickup",
    leaseMs = 30_000,
  }: PickupOptions): Promise<readonly PickedUpJob[]> {
    if (!Number.isInteger(limit) || limit < 1 || limit > 1_000) {
      throw new InvalidInputError("limit", "a whole number from 1 to 1000", limit);
    }
    checkJobTypes("types", types);
    checkWorkerId(workerId);
    // What a transaction takes counts with its COMMIT alone, and that comes from a caller who is there.
    const withinMs = this.connection.inTransaction ? undefined : leaseMs / 2;
    for (let tries = 1; ; tries += 1) {
      const lockedBy = `${workerId}:${crypto.randomUUID()}`;
      const pickUp = { types, slots: limit, lockedBy, leaseMs, withinMs };
      const { jobs, contended } = await this.turn({ pickUp });
      if (jobs.length > 0 || !contended || tries === BUSY_TRIES) return jobs;
    }
  }

  /** Settles a picked-up job as DONE. @throws LeaseLostError where another attempt has it. */
  async markDone(job: Fence, result?: unknown, durationMs: number | null = null): Promise<SettlementAnswer> {
    const resultText = result === undefined ? null : encodeJson(result, "result", RESULT_LIMITS);
    return await this.#settleOne({ job, durationMs, outcome: "done", resultText });
  }

  /**
   * Settles a picked-up job as a failed attempt: READY again at `due`, or
   * FAILED where no attempt is left.
   *
   * @param due @default the Python package's backoff: 1m, 5m, 30m, 2h, 6h
   * @throws LeaseLostError where another attempt has it.
   */
  async markError(
    job: Fence,
    error: unknown,
    due: Due = backoffPolicy().delayMs(job.attempts),
  ): Promise<SettlementAnswer> {
    return await this.#settleOne({ job, durationMs: null, outcome: "retry", error: errorText(error), due });
  }

  /** Gives a picked-up job back unstarted, its attempt with it. @throws LeaseLostError where another attempt has it. */
  async release(job: Fence): Promise<SettlementAnswer> {
    return await this.#settleOne({ job, durationMs: null, outcome: "release" });
  }

  /** Reaps once: jobs whose lease has ended are READY again, or FAILED. */
  async reapStale(staleTimeoutSeconds = 1_200, limit = 100): Promise<readonly ReapedJob[]> {
    return (await this.turn({ reap: { staleTimeoutSeconds, limit } })).reaped;
  }

  /** Cancels a READY or RUNNING job; a running handler's signal aborts when its worker next extends. */
  async cancel(id: string): Promise<Cancelled> {
    return readCancelled(
      await this.#send("cancel", cancelStatement(cancelText(this.connection.names), checkId("id", id))),
    );
  }

  /** Makes a FAILED job READY, its attempts beginning anew. @throws DedupeConflictError while its key is active. */
  async retry(id: string): Promise<Retried> {
    try {
      return readRetried(
        await this.#send("retry", retryStatement(retryText(this.connection.names), checkId("id", id))),
      );
    } catch (error) {
      if (sqlState(error) !== "23505") throw error;
      // The refusal has ended a transaction of the caller's: the key can't be read in it.
      const job = this.connection.inTransaction ? null : await this.get(id);
      const key = job?.dedupeKey ?? "";
      throw new DedupeConflictError(key, `retry: another job with the dedupe key of job ${id} is active`, {
        cause: error,
      });
    }
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
  async get(id: string): Promise<Job | null> {
    return readGot(await this.#read("get", getStatement(getText(this.connection.names), checkId("id", id))));
  }

  /** Jobs, newest first. */
  async list(options: ListOptions = {}): Promise<readonly Job[]> {
    return readListed(await this.#read("list", listStatement(listText(this.connection.names), options)));
  }

  /** What is in the table. Counts it whole: not for every request. */
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

  /** The statement that settles `job` as DONE or fails, and so rolls back the list that it stands in. */
  settleStatement(job: Fence, result?: unknown, durationMs = 0): SqlStatement {
    const resultText = result === undefined ? null : encodeJson(result, "result", RESULT_LIMITS);
    return settleOrFailStatement(this.#texts.settleOrFail, job, resultText, durationMs);
  }

  /** Settles `job` as DONE inside a transaction. @throws LeaseLostError: the transaction can only be rolled back then. */
  async settleIn(tx: Tx | SqlExecutor, job: Fence, result?: unknown, durationMs = 0): Promise<void> {
    const { text, params } = this.settleStatement(job, result, durationMs);
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

  #askTick(asks: boolean): void {
    if (this.#asksTick !== asks) this.#turnTexts.delete("whole");
    this.#asksTick = asks;
  }

  #turnText(scope: TurnScope): string {
    const text = this.#turnTexts.get(scope) ?? turnText(this.connection.names, scope, this.#asksTick);
    this.#turnTexts.set(scope, text);
    return text;
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
    // Not an answer: who overlooks it loses the settlement, and the job runs again.
    throw new Error(`job ${id} is locked by another transaction: nothing was written, settle it again`);
  }

  #send(operation: string, statement: SqlStatement): Promise<readonly SqlRow[]> {
    return send(this.connection, operation, statement);
  }

  #read(operation: string, statement: SqlStatement): Promise<readonly SqlRow[]> {
    return send(this.connection, operation, statement, { reads: true });
  }
}
