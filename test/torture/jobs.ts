/** The jobs that producers make, good and nasty, and what is to be stored of each. */
import type { UntypedJobs } from "../../src/core/contract.ts";
import type { JobToEnqueue } from "../../src/core/producer.ts";
import type { Condition } from "./conditions.ts";
import type { Kind } from "./handlers.ts";

/** A job as it is enqueued. */
export type Job = JobToEnqueue<UntypedJobs>;

/** What triggers of the table do to a row. */
export const DENIALS = ["denyPickUp", "denySettle", "denyResult"] as const;

/** What a job's row must say, told in its payload, so that the database itself and the handler can compare. */
export interface Expected {
  readonly key: string | null;
  /** Epoch milliseconds, or null for now. */
  readonly due: number | null;
  readonly priority: number;
  readonly most: number;
  readonly timeout: number | null;
  /** The text that every payload bears: what settings of a session may change. */
  readonly text: string;
}

/** A job's payload. */
export interface Payload {
  /** Its marker, which no other job has. */
  readonly m: string;
  readonly is?: Expected;
  /** A trigger skips the row. */
  readonly skip?: true;
  /** A trigger refuses what is to be done with the row. */
  readonly deny?: (typeof DENIALS)[number];
}

/** Quotes, backslashes, a NULL and letters beyond ASCII. */
export const TEXT = String.raw`NULL, "a" {b} 'c' \d \\ é 漢`;

/** Shares of the kinds; the rest is quick. */
const SHARES: readonly (readonly [Kind, number])[] = [
  ["crash", 0.001],
  ["block", 0.001],
  ["hang", 0.003],
  ["fail", 0.02],
  ["snooze", 0.01],
  ["slow", 0.02],
  ["settle", 0.03],
  ["refer", 0.003],
  ["referSettle", 0.003],
  ["pair", 0.01],
];
/** Of the quick jobs, so many in a hundred have but one attempt. */
const ONE_ATTEMPT = 0.15;

/** The nth job of a producer. */
export function jobOf(m: string, nth: number, random: () => number, without: readonly Condition[]): Job {
  const deny = without.includes("denied") ? undefined : deniedOf(nth);
  const skip = nth % 125 === 50 && !without.includes("skipped");
  const any = kindOf(random());
  const type = deny !== undefined || skip || isLeftOut(any, without) ? "quick" : any;
  const key = random() < 0.15 ? `${type}-${Math.floor(random() * 50)}` : null;
  const is: Expected = {
    key: deny !== undefined || skip ? null : key,
    due: random() < 0.1 ? Date.now() + Math.floor(random() * 3_000) : null,
    priority: Math.floor(random() * 3),
    most: attemptsOf(type, deny === undefined && random() < ONE_ATTEMPT),
    timeout: type === "hang" ? 1 : null,
    text: TEXT,
  };
  const payload: Payload = {
    m,
    is,
    ...(skip ? { skip } : {}),
    ...(deny === undefined ? {} : { deny }),
  };
  return {
    type,
    payload: { ...payload },
    dedupeKey: is.key ?? undefined,
    runAfter: is.due === null ? undefined : new Date(is.due),
    priority: is.priority,
    maxAttempts: is.most,
    timeoutSeconds: is.timeout ?? undefined,
  };
}

/** Few, and some in each run however short it is. */
function deniedOf(nth: number): Payload["deny"] {
  if (nth % 1_500 === 100) return "denyPickUp";
  if (nth % 1_500 === 200) return "denySettle";
  return nth % 750 === 300 ? "denyResult" : undefined;
}

function isLeftOut(type: Kind, without: readonly Condition[]): boolean {
  if (type === "pair") return without.includes("singles");
  return (type === "refer" || type === "referSettle") && without.includes("referring");
}

function attemptsOf(type: Kind, one: boolean): number {
  if (type === "crash" || type === "hang") return 2;
  return type === "quick" && one ? 1 : 5;
}

function kindOf(point: number): Kind {
  let edge = 0;
  for (const [kind, share] of SHARES) {
    edge += share;
    if (point < edge) return kind;
  }
  return "quick";
}
