import type { Condition } from "./conditions.ts";

/** What the conductor tells a process that it starts, in its environment. */
export const ROLES = ["worker", "drain", "producer", "stand-in"] as const;
/** The drivers that processes speak through. */
export const DRIVERS = ["pg", "postgres", "neon"] as const;

/** One of {@link ROLES}. */
export type Role = (typeof ROLES)[number];
/** One of {@link DRIVERS}. */
export type Driver = (typeof DRIVERS)[number];

/** What a place in the fleet is for. */
export interface Member {
  /** What its incarnations are named after. */
  readonly label: string;
  readonly role: Role;
  readonly driver: Driver;
  /** Whether its statements are named, and kept by the server. @default false */
  readonly prepare?: boolean;
  /** Connections of its pool. @default 6 */
  readonly pool?: number;
  /** Workers of its process, which share the pool. @default 1 */
  readonly workers?: number;
  /** Slots of each runner. @default 10 */
  readonly concurrency?: number;
  /** The length of a worker's lease. @default LEASE_MS */
  readonly leaseMs?: number;
}

/** One that is there for a condition. */
export interface Place extends Member {
  readonly of?: Condition;
}

/** One process's orders. */
export interface Task extends Required<Member> {
  /** Of this incarnation: a slot that is filled again bears another. */
  readonly name: string;
  /** Through this process's own proxy, but for Neon. */
  readonly url: string;
  /** The stand-in for Neon, through this process's own proxy. */
  readonly neonEndpoint: string;
  readonly folder: string;
  readonly seed: number;
  /** What a producer is to leave out. */
  readonly without: readonly Condition[];
  /** Of a producer: how many jobs. */
  readonly jobs: number;
  /** How many of them each second; an application that shares its workers' pool enqueues one, or none any more. */
  readonly rate: number;
}

/** That the sessions of a pool forget what they know. */
export type Forgetting = "DISCARD ALL" | "DEALLOCATE ALL";
/** What the conductor asks of a process. */
export type Order = Forgetting | "enqueue no more";

/** The length of a worker's lease. */
export const LEASE_MS = 2_500;
export const VARIABLE = "PQRUN_TORTURE_TASK";

/** The job type that only the nth runner of a place handles: whether it still works is asked with it. */
export function callOf(label: string, nth: number): string {
  return `call-${label}-${nth}`;
}

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

/** One of a list. */
export function oneOf<T>(random: () => number, list: readonly [T, ...T[]]): T {
  return list[Math.floor(random() * list.length)] ?? list[0];
}
