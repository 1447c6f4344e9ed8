/** Who is measured. */
export const SYSTEM_NAMES = ["pqrun", "graphile", "pg-boss", "bullmq"] as const;

/** One of {@link SYSTEM_NAMES}. */
export type SystemName = (typeof SYSTEM_NAMES)[number];

/** What fills the table beside the jobs that are drained. */
export const BACKGROUNDS = ["finished", "future", "ready", "other"] as const;

/** One of {@link BACKGROUNDS}: finished; planned; due and of the same type; due and of a type without a handler. */
export type Background = (typeof BACKGROUNDS)[number];

/** Enqueues over connections of its own. */
export interface Producer {
  /** One job; resolves once it is durable. */
  enqueue(index: number): Promise<unknown>;
  /** `count` jobs in one call. */
  enqueueMany(first: number, count: number): Promise<unknown>;
  close(): Promise<void>;
}

/** What a worker is to do. */
export interface WorkOptions {
  /** Handlers at once. */
  readonly slots: number;
  /** Whether the system's settings for idle latency are wanted rather than those for throughput. */
  readonly forLatency?: boolean;
  /** pqrun's: commits pick-ups asynchronously, where the build has it. */
  readonly fastPickup?: boolean;
  /** pqrun's: most jobs held beyond the slots. */
  readonly maxBuffer?: number;
  /** pqrun's: how often an idle worker looks all the same; 0 for never. */
  readonly safetyPollSeconds?: number;
  /** What each job's handler does. */
  readonly onJob: (id: string, index: number) => void | Promise<void>;
}

/** A worker that runs. */
export interface RunningWorker {
  /** Picks up no more, lets handlers end and settles them. */
  stop(): Promise<void>;
  /** Enqueues through the worker's own store, where that is another path than a producer's. */
  enqueue?(index: number): Promise<unknown>;
}

/** The name of the column of counts below, by which the benchmark's own statements are told from a system's. */
export const COUNT = "bench_count";

/** What the benchmark reads and writes in a system's table in plain SQL. */
export interface TableSql {
  /** Answers how many jobs are due, planned or running, as {@link COUNT}. */
  readonly open: string;
  /** Answers how many jobs are recorded as done; absent where a done job's row is deleted. */
  readonly done?: string;
  /** Answers how many of the ids `$1::text[]` are not durably done. */
  readonly unsettled: string;
  /** The statements that insert `rows` rows as the system itself would have left them. */
  background(background: Background, rows: number): readonly string[];
}

/** One queue behind the interface that all scenarios use. */
export interface System {
  readonly name: SystemName;
  /** The settings it is measured with. */
  readonly settings: string;
  readonly sql: TableSql;
  /** Makes its tables in an empty database. */
  migrate(url: string): Promise<void>;
  producer(url: string, options?: { readonly forLatency?: boolean }): Promise<Producer>;
  work(url: string, options: WorkOptions): Promise<RunningWorker>;
}
