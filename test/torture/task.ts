/** What the conductor tells a process that it starts, in its environment. */
export const ROLES = ["worker", "drain", "producer", "stand-in"] as const;
/** The drivers that processes speak through. */
export const DRIVERS = ["pg", "postgres", "neon"] as const;

/** One of {@link ROLES}. */
export type Role = (typeof ROLES)[number];
/** One of {@link DRIVERS}. */
export type Driver = (typeof DRIVERS)[number];

/** One process's orders. */
export interface Task {
  readonly role: Role;
  /** Of this incarnation: a slot that is filled again bears another. */
  readonly name: string;
  readonly driver: Driver;
  /** Through this process's own proxy, but for Neon. */
  readonly url: string;
  /** The stand-in for Neon, through this process's own proxy. */
  readonly neonEndpoint: string;
  readonly folder: string;
  readonly seed: number;
  /** Of a producer: how many jobs, and how many of them each second. */
  readonly jobs: number;
  readonly rate: number;
}

/** The length of a worker's lease. */
export const LEASE_MS = 2_500;
export const VARIABLE = "PQRUN_TORTURE_TASK";

/** Mulberry32: the same numbers for the same seed, everywhere. */
export function randomOf(seed: number): () => number {
  let state = seed >>> 0;
  return () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}
