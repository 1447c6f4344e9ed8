import type { SystemName } from "../systems/system.ts";

interface OfSystem {
  readonly system: SystemName;
  readonly url: string;
}

/** What one child process is told to do. */
export type Task = OfSystem &
  (
    | { readonly kind: "migrate" }
    | { readonly kind: "fill"; readonly jobs: number }
    | EnqueueTask
    | DrainTask
    | ProduceTask
    | HttpTask
  );

/** Enqueues for a while, and tells at what rate. */
export interface EnqueueTask {
  readonly kind: "enqueue";
  /** Calls in flight. */
  readonly inFlight: number;
  readonly calls: number;
  readonly warmUpCalls: number;
  /** Jobs of one call; 1 is the call for a single job. */
  readonly jobsPerCall: number;
  /** Producers that share the calls, each with connections of its own. */
  readonly producers?: number;
}

/** Works until told, or until so many jobs are done. */
export interface DrainTask {
  readonly kind: "drain";
  readonly slots: number;
  /** Jobs after which it stops; absent where several processes share them: then it is told. */
  readonly jobs?: number;
  readonly forLatency?: boolean;
  readonly fastPickup?: boolean;
  readonly maxBuffer?: number;
  readonly safetyPollSeconds?: number;
  /** How long each handler takes; absent for no time. */
  readonly jobMs?: number;
  /** Enqueues this many through the worker's own store, one by one, and measures each. */
  readonly ownEnqueues?: number;
}

/** Enqueues one job after the other, with idle time between them. */
export interface ProduceTask {
  readonly kind: "produce";
  readonly jobs: number;
}

/** A drain over an executor with a round trip of its own. */
export interface HttpTask {
  readonly kind: "http";
  readonly roundTripMs: number;
  readonly jobs: number;
  readonly batchSize: number;
}

/** When how many jobs had started, on the clock that all processes share. */
export type Mark = readonly [jobs: number, atMs: number];

/** When a job started, or began to be enqueued, by its index. */
export type Timed = readonly [index: number, atMs: number];

/** What a child answers. Times are milliseconds of the machine's monotonic clock. */
export interface Answer {
  readonly jobs: number;
  readonly startedMs: number;
  readonly endedMs: number;
  readonly marks?: readonly Mark[];
  /** When each job started. */
  readonly times?: readonly Timed[];
  /** When the enqueue of each job began. */
  readonly enqueued?: readonly Timed[];
  readonly cpuUs?: number;
  readonly maxRssBytes?: number;
  readonly heapBytes?: number;
  readonly statements?: number;
  readonly emptyStatements?: number;
}

/** The machine's monotonic clock, the same in every process. */
export function nowMs(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
