import type { JobContracts, UntypedJobs } from "../contract.ts";
import { checkWhole } from "../values/check-number.ts";
import { InvalidInputError } from "../errors.ts";
import type { SqlExecutor, SqlStatement } from "../executor.ts";
import { cells } from "../job.ts";
import { PgJobStore } from "../store.ts";
import type { StoreOptions } from "../store.ts";
import { checkSchedule, checkScheduleName } from "./check-schedule.ts";
import { checkCron, checkTimeZone } from "./cron.ts";
import { declareStatement, readDeclared } from "./declare.ts";
import {
  nextTicksStatement,
  pauseStatement,
  readNextTicks,
  readSchedules,
  runStatement,
  schedulesStatement,
  unscheduleStatement,
} from "./schedule-operations.ts";
import type { Schedule } from "./schedule-operations.ts";
import type { ScheduleDefinition } from "./schedules.ts";
import { sendSchedule } from "./send-schedule.ts";

/** Which ticks {@link ScheduleStore.nextTicks} returns. */
export interface NextTicksOptions {
  /** A name of the IANA database. @default "UTC" */
  readonly timeZone?: string | undefined;
  /** Later than this. @default now, by the database's clock */
  readonly after?: Date | undefined;
  /** How many, 1 to 1,000. @default 1 */
  readonly count?: number | undefined;
}

/**
 * A store that also keeps schedules by hand: those that no code declares. Runners need none to serve schedules.
 *
 * ```ts
 * const store = new ScheduleStore(pgExecutor(pool), { jobs });
 * await store.schedule("eu", { job: "report", cron: "0 6 * * 1-5", timeZone: "Europe/Paris", payload });
 * ```
 */
export class ScheduleStore<J extends JobContracts = UntypedJobs, Tx = never> extends PgJobStore<J, Tx> {
  readonly #storeOptions: StoreOptions<J>;

  /** Constructing does nothing but check. @throws InvalidInputError */
  constructor(executor: SqlExecutor<Tx>, options?: StoreOptions<J>);
  /** @internal `with` alone knows that a transaction is open. */
  constructor(executor: SqlExecutor<Tx>, options: StoreOptions<J>, inTransaction: boolean);
  constructor(executor: SqlExecutor<Tx>, options: StoreOptions<J> = {}, inTransaction = false) {
    super(executor, options, inTransaction);
    this.#storeOptions = options;
  }

  /**
   * Makes a schedule, or changes it.
   *
   * @throws InvalidInputError naming what is wrong, before anything is sent; for an expression that never comes, a zone that
   *   the database does not know, and a name whose schedule some code declares, after.
   */
  async schedule(name: string, definition: ScheduleDefinition<J>): Promise<void> {
    const row = await checkSchedule(name, definition, this.jobs);
    const { taken } = readDeclared(
      await sendSchedule(this.connection, "schedule", declareStatement(this.connection.names, [row], null)),
    );
    if (taken.length > 0) throw new InvalidInputError("name", "one that no owner declares", name);
  }

  /** Deletes a schedule; jobs that it has made stay. @returns whether there was one */
  async unschedule(name: string): Promise<boolean> {
    checkScheduleName(name);
    return await this.#finds("unschedule", unscheduleStatement(this.connection.names, name));
  }

  /** All schedules, by name, however they were made. */
  async schedules(): Promise<readonly Schedule[]> {
    const statement = schedulesStatement(this.connection.names);
    return readSchedules(await sendSchedule(this.connection, "schedules", statement, { reads: true }));
  }

  /** Stops a schedule until it is resumed. @returns whether there is one */
  async pauseSchedule(name: string): Promise<boolean> {
    checkScheduleName(name);
    return await this.#finds("pauseSchedule", pauseStatement(this.connection.names, name, true));
  }

  /** Goes on with a schedule that was paused, or stopped by an error: what it has missed stays missed. @returns whether there is one */
  async resumeSchedule(name: string): Promise<boolean> {
    checkScheduleName(name);
    return await this.#finds("resumeSchedule", pauseStatement(this.connection.names, name, false));
  }

  /**
   * Makes a job of a schedule now, beside its ticks.
   *
   * @returns the job's id; null where a job of the schedule is active and its overlaps are skipped.
   * @throws InvalidInputError where there is no such schedule.
   */
  async runSchedule(name: string): Promise<string | null> {
    checkScheduleName(name);
    const [row] = await sendSchedule(
      this.connection,
      "runSchedule",
      runStatement(this.connection.names, name),
    );
    const [known, id] = cells(row ?? {});
    if (known !== "true") throw new InvalidInputError("name", "a schedule's", name);
    return id ?? null;
  }

  /** When an expression ticks, as the database plans it. @throws InvalidInputError */
  async nextTicks(
    cron: string,
    { timeZone = "UTC", after, count = 1 }: NextTicksOptions = {},
  ): Promise<readonly Date[]> {
    checkCron("cron", cron);
    checkTimeZone("timeZone", timeZone);
    checkWhole("count", count, 1, 1_000);
    if (after !== undefined && Number.isNaN(after.getTime()))
      throw new InvalidInputError("after", "a valid Date", after);
    const statement = nextTicksStatement(this.connection.names, cron, { timeZone, after, count });
    return readNextTicks(await sendSchedule(this.connection, "nextTicks", statement, { reads: true }));
  }

  /** A store that speaks inside the caller's transaction, as {@link PgJobStore.with}. */
  override with(tx: Tx | SqlExecutor): ScheduleStore<J> {
    return new ScheduleStore(this.executorOf(tx), this.#storeOptions, true);
  }

  async #finds(operation: string, statement: SqlStatement): Promise<boolean> {
    return (await sendSchedule(this.connection, operation, statement)).length > 0;
  }
}
