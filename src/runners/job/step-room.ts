/** What the steps of a job ask of the runner that it runs in. */
export interface StepRoom {
  /** To how long from now a step extends its lease, in milliseconds; 0 leaves the lease as it is. */
  readonly leaseMs: number;
  /** Whether a shutdown has begun. */
  stopping(): boolean;
  /** How much time is left for handlers, in milliseconds. */
  leftMs(): number;
  /** What a step may take, in milliseconds, to be left to a later runner of the kind where too little is left in this one. */
  readonly wholeMs: number;
  /** Counts a statement that is about to be sent, if it may be. */
  take(): boolean;
  /** A job of that type has too little left. */
  left(type: string): void;
  /** The longest step so far, in milliseconds, by type and by names that differ in their digits alone; undefined where nobody asks. */
  readonly longestMs: Map<string, number> | undefined;
}

/** A runner without an end has time for every step, and learns nothing of them. */
export const UNBOUNDED: StepRoom = {
  leaseMs: 0,
  wholeMs: Infinity,
  longestMs: undefined,
  stopping: () => false,
  leftMs: () => Infinity,
  take: () => true,
  left: () => undefined,
};

/** Steps that are named alike take alike: `page 1` and `page 2`. */
export function stepKey(type: string, name: string): string {
  return `${type} ${name.replace(/\d+/g, "0")}`;
}
