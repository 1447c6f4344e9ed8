import type { Databases } from "../databases.ts";
import type { BenchServer } from "../server.ts";
import type { SystemName } from "../systems/system.ts";

/** What a run of any scenario works with. */
export interface Context {
  readonly server: BenchServer;
  readonly databases: Databases;
  /** How many jobs of those that a scenario means: 1, or less for a quick look. */
  readonly scale: number;
  readonly quick: boolean;
}

/** One column of a scenario: a system, perhaps with another setting. */
export interface Lane {
  readonly label: string;
  readonly system: SystemName;
  /** Jobs that it gets, where not those of all: a slow peer's rate needs fewer. */
  readonly jobs?: number;
  readonly fastPickup?: boolean;
  readonly maxBuffer?: number;
  readonly variant?: string;
}

/** One line of the table. */
export interface Row {
  readonly metric: string;
  readonly title: string;
  readonly better: "higher" | "lower";
}

/** What one run of one lane gave. */
export interface Sample {
  readonly values: Readonly<Record<string, number>>;
  /** Points of a chart. */
  readonly series?: readonly (readonly [x: number, y: number])[];
}

/** A thing that is measured, on each lane in turn. */
export interface Scenario {
  readonly id: string;
  readonly rows: readonly Row[];
  readonly lanes: readonly Lane[];
  /** Where fewer are enough than the rest get. */
  readonly repetitions?: number;
  /** Whether a quick look has the peers too. */
  readonly quickPeers?: boolean;
  /** Measures one lane, once; `lanes` are all that are measured in this run. */
  run(lane: Lane, context: Context, lanes: readonly Lane[]): Promise<Sample>;
}

/** The four systems, each with its defaults. `bullmqJobs` for the slowest. */
export function allSystems(bullmqJobs?: number): readonly Lane[] {
  return [
    { label: "pqrun", system: "pqrun" },
    { label: "graphile-worker", system: "graphile" },
    { label: "pg-boss", system: "pg-boss" },
    { label: "BullMQ", system: "bullmq", ...(bullmqJobs !== undefined && { jobs: bullmqJobs }) },
  ];
}

/** So many jobs at this scale, in whole thousands from one thousand on. */
export function scaled(jobs: number, { scale }: Context): number {
  return Math.max(1_000, Math.round((jobs * scale) / 1_000) * 1_000);
}
