import type { Settlement } from "./settlement.ts";

/** Jobs of one type and priority, and the place among them, by due time and id, behind which a next pick-up may go on. */
export interface Lane {
  readonly type: string;
  readonly priority: number;
  /** Its due time as the turn wrote it, in epoch microseconds: a Date would lose the microseconds. */
  readonly afterDue: string;
  readonly afterId: string;
}

/** What a pick-up wants. */
export interface PickUp {
  /** Job types that the caller has handlers for. */
  readonly types: readonly string[];
  /**
   * Goes on in these lanes, behind the last job of each, instead of looking from the beginning of every lane of
   * `types`: for a caller that drains a backlog. The answer says `more` then, and not what is due later.
   */
  readonly lanes?: readonly Lane[] | undefined;
  /**
   * The most jobs to look at of each of `types`, or `lanes` where there are some, in their order: at least 2, and undefined
   * for as many as are wanted. The order over all stays exact: the pick-up ends where more would have to be looked at,
   * and then says `more`.
   */
  readonly shares?: readonly (number | undefined)[] | undefined;
  /**
   * What becomes of a job that nothing may run beside, as its workers may die of it: `taken` as the only one of its
   * pick-up, for a caller that runs nothing; `skipped`, so that it counts as if somebody else had it locked; or `shown`
   * and left, so that the pick-up ends before it and the answer says `suspects`. @default "taken"
   */
  readonly suspects?: "taken" | "skipped" | "shown" | undefined;
  /** Commits asynchronously if nothing is settled or reaped: a crash of the server may forget the attempts. @default false */
  readonly fast?: boolean | undefined;
  /** Free slots: how many jobs can start at once; 0 only asks what is due. */
  readonly slots: number;
  /** How many more to take into a buffer, of jobs never attempted. @default 0 */
  readonly buffer?: number | undefined;
  /** The worker's id with a nonce that no other pick-up has. */
  readonly lockedBy: string;
  /** Length of the lease in milliseconds. */
  readonly leaseMs: number;
  /** Bounds the lease by each job's `timeout_seconds`, with this default; for callers that don't extend. */
  readonly timeoutSeconds?: number | undefined;
  /** Milliseconds added to the lease after both bounds. @default 0 */
  readonly marginMs?: number | undefined;
  /**
   * For how long the server may hold the pick-up up, in milliseconds: one that a lock on the table has kept for
   * longer takes nothing, and says so as `contended`. Less than its caller waits for the answer, or what it takes is
   * run by nobody. Counted from the statement's arrival; in a transaction, from that one's beginning. @default no limit
   */
  readonly withinMs?: number | undefined;
  /** Takes only these jobs, by their ids: not together with `lanes` or `without`. @default any */
  readonly only?: readonly string[] | undefined;
  /** Leaves these jobs out, by their ids. @default none */
  readonly without?: readonly string[] | undefined;
  /** Takes nothing: `candidates` of the answer are the jobs that it would have taken. @default false */
  readonly looks?: boolean | undefined;
}

/** What a reap wants. */
export interface Reap {
  /** Most rows. @default 100 */
  readonly limit?: number | undefined;
  /** Seconds after which a row without a lease, a Python worker's, is lost whose job doesn't say. */
  readonly defaultTimeoutSeconds: number;
}

/** One round trip: any part may be absent. */
export interface TurnRequest {
  readonly settlements?: readonly Settlement[] | undefined;
  readonly pickUp?: PickUp | undefined;
  readonly reap?: Reap | undefined;
  /** Ids of the jobs that the caller is running: a reap leaves them out. */
  readonly running?: readonly string[] | undefined;
  /** Raises (or, at 0 ms, lowers) the guard that has this worker notified of jobs, of all types where none are named. */
  readonly guard?:
    | { readonly worker: string; readonly forMs: number; readonly types?: readonly string[] | undefined }
    | undefined;
  /** Asks when the next tick of a schedule is due. A turn that does more than pick up or settle says so anyway. */
  readonly schedules?: boolean | undefined;
  /** The limits that the pick-up keeps, as the store has them; undefined for a store that knows of none. */
  readonly limits?: { readonly types: string; readonly keyLook: number } | undefined;
  /** Sends a NOTIFY with this payload: who hears it knows that LISTEN works. */
  readonly probe?: string | undefined;
}

/** Most rows of one reap: one that is full may have left some. */
export const REAP_LIMIT = 100;
