import type { InputOf, JobContracts, JobDefaults, JobName, UntypedJobs } from "../contract.ts";
import type { QueryOptions } from "../executor.ts";
import type { Logger } from "../logger.ts";
import type { Connection } from "../sql/run-statement.ts";

/** When a schedule ticks, and what its ticks make of it. */
export interface ScheduleTiming extends JobDefaults {
  /**
   * Five fields, or six with the seconds first: lists, ranges, steps, names, `L` for a month's last day; or `@hourly`,
   * `@daily`, `@weekly`, `@monthly`, `@yearly`. Of two restricted day fields either is enough.
   */
  readonly cron: string;
  /** A name of the IANA database. @default "UTC" */
  readonly timeZone?: string | undefined;
  /** Of ticks that nobody was there for: the latest one, each, or none that is more than a minute late. @default "once" */
  readonly missed?: "once" | "all" | "skip" | undefined;
  /** Whether a tick makes a job while an earlier one of the schedule is READY or RUNNING. @default "skip" */
  readonly overlap?: "skip" | "allow" | undefined;
  /** Spreads the jobs of many schedules: each is due by up to so many seconds later, 0 to 86,400. @default 0 */
  readonly jitterSeconds?: number | undefined;
}

/** The payload, whole; or but for the field that gets the tick's time, an ISO 8601 text in UTC. */
type Payload<Input> =
  | ((Partial<Input> extends Input ? { readonly payload?: Input } : { readonly payload: Input }) & {
      readonly tickAs?: undefined;
    })
  | { [F in keyof Input & string]: { readonly payload?: Omit<Input, F>; readonly tickAs: F } }[keyof Input &
      string];

/** One schedule: of which job, when, and with what payload. */
export type ScheduleDefinition<J extends JobContracts = UntypedJobs> = {
  [N in JobName<J>]: ScheduleTiming & { readonly job: N } & Payload<InputOf<J[N]>>;
}[JobName<J>];

/** The store that a declaration goes through. */
export interface DeclaringStore {
  readonly connection: Connection;
  readonly jobs: JobContracts | undefined;
}

/** Schedules that a runner declares. */
export interface Schedules {
  readonly definitions: Readonly<Record<string, ScheduleTiming & { readonly job: string }>>;
  /**
   * What writes the schedules through `store`, or undefined once that was done. For runners.
   *
   * @throws InvalidInputError without an owner
   */
  declaration(
    store: DeclaringStore,
    owner: string | undefined,
    logger: Logger,
  ): ((options: QueryOptions) => Promise<void>) | undefined;
}
