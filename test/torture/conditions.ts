/** What stands through a whole run, beside the faults that come and go. */
export const CONDITIONS = [
  /** Connections with settings that change text. */
  "settings",
  /** Ids that fall. */
  "fallingIds",
  /** Rows that a trigger skips at their insert. */
  "skipped",
  /** Rows that a trigger refuses to have picked up, settled, or given a result. */
  "denied",
  /** Handlers whose open transactions refer to their own job for longer than a lease. */
  "referring",
  /** Handlers that go on after they have settled themselves, beyond the next extension. */
  "goingOn",
  /** More workers than connections on one pool, and an application beside them. */
  "crowd",
  /** Drains of one slot that begin together. */
  "singles",
  /** Schedules that tick all the time, declared by each runner and made by SQL. */
  "schedules",
  /** What befalls all runners before they are called. */
  "lastFaults",
] as const;

/** One of {@link CONDITIONS}. */
export type Condition = (typeof CONDITIONS)[number];
