import type { PgliteTransaction } from "../adapters/pglite.ts";
import type { JobContracts, JobName, UntypedJobs } from "../core/contract.ts";
import type { SqlExecutor } from "../core/executor.ts";
import type { Logger } from "../core/logger.ts";
import type { StoreOptions } from "../core/store.ts";
import { quoteName, tableNames } from "../core/sql/table-names.ts";
import { migrate } from "../migrate/migrate.ts";
import { enqueuedJobs } from "./enqueued-jobs.ts";
import type { EnqueuedJob } from "./enqueued-jobs.ts";
import { MovedTime } from "./move-time.ts";
import { runAll } from "./run-all.ts";
import type { Attempt, RunAllOptions, SomeHandlers } from "./run-all.ts";
import { sharedPglite } from "./shared-pglite.ts";
import { spanMs } from "./span.ts";
import type { Span } from "./span.ts";
import { TestStore } from "./test-store.ts";

/** Options of {@link testQueue}. */
export interface TestQueueOptions<J extends JobContracts = UntypedJobs, Tx = PgliteTransaction> {
  /** The contracts by job type. @default none: any type, any JSON object */
  readonly jobs?: J | undefined;
  /**
   * An executor of your own PostgreSQL, or of a PGlite of your own that has your tables; needs the right to create a schema.
   *
   * @default one PGlite for all queues of the process, which the first of them starts
   */
  readonly executor?: SqlExecutor<Tx> | undefined;
  /** As the store's. @default JSON.parse, refusing integers beyond 2^53 */
  readonly parse?: StoreOptions["parse"];
  /** Where warnings and failed attempts go. @default false: silence */
  readonly logger?: Logger | false | undefined;
}

/** Options of {@link TestQueue.drainAll}. */
export interface DrainAllOptions extends RunAllOptions {
  /** Whether jobs that wait (a delay, a retry) are run too: due times are moved up to the next one whenever nothing is due. @default true */
  readonly advance?: boolean | undefined;
}

/** A queue that one test has to itself. */
export interface TestQueue<J extends JobContracts, Tx> extends AsyncDisposable {
  /** For the code under test; a real store on a real table. */
  readonly store: TestStore<J, Tx>;
  readonly executor: SqlExecutor<Tx>;
  /** Where the table is, for a store that the code under test makes itself: `new PgJobStore(queue.executor, queue.table)`. */
  readonly table: { readonly schema: string; readonly table: string };

  /** The jobs that wait, of one type or of all, in the order in which they were enqueued: plain data for any assertion library. */
  enqueued(): Promise<readonly EnqueuedJob<J, JobName<J>>[]>;
  enqueued<N extends JobName<J>>(type: N): Promise<readonly EnqueuedJob<J, N>[]>;

  /**
   * Runs the jobs of these types until none waits, one after another in the order of their priorities and due times, with
   * what they enqueue. Retries and delays are not waited for: due times move up.
   *
   * @returns the attempts in the order in which they ended
   * @throws Error where a job ends FAILED, unless `allowFailures` is set; its cause is what the handler threw.
   * @throws Error for more than `maxJobs` attempts.
   */
  drainAll(handlers: SomeHandlers<J, Tx>, options?: DrainAllOptions): Promise<readonly Attempt[]>;

  /**
   * As if so much time had passed: what waits is due so much earlier, leases end, finished jobs are older, schedules make
   * the jobs of their ticks. Runs nothing. The database's clock decides what is due, so it is rows that move.
   *
   * @throws InvalidInputError for what is no span: `"90s"`, `"10m"`, `"1h30m"`, `"2d"`, or milliseconds.
   */
  advance(span: Span): Promise<void>;

  /**
   * From here on an enqueue through `store` runs what is due of these types before it resolves. What was enqueued in a
   * transaction runs after `store.transaction`, or with the next enqueue outside of one.
   *
   * @returns a function that ends it
   */
  inline(handlers: SomeHandlers<J, Tx>, options?: RunAllOptions): () => void;
}

/**
 * A queue for one test: a table of its own, in a schema of its own, which disposing drops.
 *
 * ```ts
 * await using queue = await testQueue({ jobs });
 * await signUp(queue.store, "a@b.example");
 * expect(await queue.enqueued("welcome")).toMatchObject([{ payload: { userId: 42 } }]);
 * await queue.drainAll({ welcome });
 * ```
 *
 * @throws Error where PGlite is not installed and no `executor` is given.
 * @throws InvalidInputError for an `executor` that is none.
 */
export async function testQueue<J extends JobContracts = UntypedJobs, Tx = PgliteTransaction>(
  options: TestQueueOptions<J, Tx> = {},
): Promise<TestQueue<J, Tx>> {
  const { jobs, parse, logger = false } = options;
  // Without one of the caller's, Tx is PGlite's, as its default says.
  const executor = options.executor ?? ((await sharedPglite()) as unknown as SqlExecutor<Tx>);
  const table = { schema: `pqrun_test_${crypto.randomUUID().replaceAll("-", "")}`, table: "jobs" };
  await migrate(executor, table);
  const store = new TestStore<J, Tx>(executor, { ...table, jobs, parse, logger });
  const time = new MovedTime(executor, tableNames(table));
  return {
    store,
    executor,
    table,
    enqueued: <N extends JobName<J>>(type?: N) => enqueuedJobs(store, type),
    drainAll: (handlers, { advance = true, allowFailures = false, ...rest } = {}) =>
      runAll(store, handlers, rest, {
        next: async () => advance && (await time.untilNextDue(Object.keys(handlers))),
        fails: ({ outcome }) => outcome === "failed" && !allowFailures,
      }),
    advance: async (span) => {
      await time.advance(spanMs("span", span));
    },
    inline: (handlers, { allowFailures = false, ...rest } = {}) => {
      store.runDue = () =>
        runAll(store, handlers, rest, {
          next: () => Promise.resolve(false),
          fails: ({ error }) => error !== undefined && !allowFailures,
        });
      return () => {
        store.runDue = undefined;
      };
    },
    [Symbol.asyncDispose]: async () => {
      await executor.query(`DROP SCHEMA ${quoteName(table.schema)} CASCADE`);
    },
  };
}
