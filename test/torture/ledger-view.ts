import type { Finding } from "./account.ts";
import type { LedgerLine } from "./ledger.ts";

/** One start of a handler. */
export interface Start {
  readonly attempts: number;
  readonly lockedBy: string;
  readonly process: string;
  readonly at: number;
}

/** An id that an enqueue answered. */
export interface Answer {
  readonly marker: string;
  readonly created: boolean;
}

/** A runner was told that an attempt's lease is lost. */
export interface Loss {
  readonly attempts: number;
  readonly process: string;
  readonly at: number;
}

/** Something that explains why a process lost leases. */
export interface Hurt {
  readonly why: string;
  readonly process: string | null;
  readonly from: number;
  readonly until: number;
}

/** What explains nothing, and helps who reads a finding. */
interface Seen {
  readonly process: string | null;
  readonly at: number;
  readonly what: string;
}

/** Faults that began so long before may go on. */
const BEFORE_MS = 8_000;
/** What is told where the machine has no time for a process. */
export const STARVED = "starved";
/** How long after a fault its process may still be finding its way back. */
const AFTERMATH_MS = 3_000;

/** The ledger, read into what the accounts ask of it. */
export class LedgerView {
  /** Markers, and the dedupe keys that they were sent with. */
  readonly intents = new Map<string, string | null>();
  readonly refused = new Set<string>();
  /** How many enqueues were refused, by reason. */
  readonly refusals: Record<string, number> = {};
  /** Ids, and to whom they were answered. */
  readonly acknowledged = new Map<string, Answer[]>();
  readonly starts = new Map<string, Start[]>();
  /** Final outcomes that runners were told by the database, by job. */
  readonly outcomes = new Map<string, string[]>();
  readonly losses = new Map<string, Loss[]>();
  readonly ended = new Set<string>();
  readonly hurts: Hurt[] = [];
  /** How many named statements were refused, by process. */
  readonly misnamed = new Map<string, number>();
  readonly found: Finding[] = [];
  readonly #seen: Seen[] = [];
  unknown = 0;
  /** How often nothing but a machine that is too busy has explained what would be a finding else. */
  excused = 0;
  /** Whose sessions have forgotten their statements; null is all. */
  readonly #forgot: (string | null)[] = [];

  add(line: LedgerLine): void {
    switch (line.k) {
      case "intent":
        for (const [index, marker] of line.m.entries()) this.intents.set(marker, line.keys[index] ?? null);
        return;
      case "ack":
        for (const [index, id] of line.ids.entries())
          append(this.acknowledged, id, { marker: line.m[index] ?? "", created: line.c[index] ?? true });
        return;
      case "unknown":
        this.unknown += line.m.length;
        return;
      case "refused":
        for (const marker of line.m) this.refused.add(marker);
        this.refusals[line.why] = (this.refusals[line.why] ?? 0) + 1;
        return;
      case "start":
        append(this.starts, line.id, { attempts: line.a, lockedBy: line.l, process: line.p, at: line.t });
        return;
      case "end":
        this.ended.add(`${line.id}/${line.p}/${line.a}`);
        return;
      case "event":
        if (line.e === "done" || line.e === "failed") append(this.outcomes, line.id, line.e);
        if (line.e === "lost" && line.a !== null)
          append(this.losses, line.id, { attempts: line.a, process: line.p, at: line.t });
        return;
      case "hurt":
        this.hurts.push({ why: line.why, process: line.p, from: line.t, until: line.until });
        return;
      case "forgot":
        this.#forgot.push(line.p);
        return;
      case "seen":
        this.#seen.push({ process: line.p, at: line.t, what: line.what });
        return;
      case "misnamed":
        this.misnamed.set(line.p, (this.misnamed.get(line.p) ?? 0) + 1);
        return;
      case "found":
        this.found.push({ account: line.account, id: line.id, why: line.why });
        return;
      default:
        line satisfies never;
    }
  }

  /** Whether something befell this process, or the server, that can have cost it a lease of that time. */
  explains(
    process: string,
    from: number,
    until: number,
    counts: (hurt: Hurt) => boolean = () => true,
  ): boolean {
    const found = this.hurts.filter(
      (hurt) =>
        isOf(process, hurt.process) &&
        hurt.from <= until &&
        hurt.until >= from - AFTERMATH_MS &&
        counts(hurt),
    );
    if (found.length > 0 && found.every(({ why }) => why === STARVED)) this.excused += 1;
    return found.length > 0;
  }

  /** What was seen of a process in that time, and shortly before: for who reads a finding. */
  seenOf(process: string, from: number, until: number): string {
    return this.#seen
      .filter((seen) => isOf(process, seen.process) && seen.at >= from - BEFORE_MS && seen.at <= until)
      .sort((one, other) => one.at - other.at)
      .map(({ at, what }) => `${at - from} ms ${what}`)
      .join("; ");
  }

  /** For how long the machine had no time for some process, or for the server. */
  get starvedMs(): number {
    const starved = this.hurts
      .filter(({ why }) => why === STARVED)
      .sort((one, other) => one.from - other.from);
    let sum = 0;
    let end = 0;
    for (const { from, until } of starved) {
      sum += Math.max(0, until - Math.max(from, end));
      end = Math.max(end, until);
    }
    return sum;
  }

  /** How often this process's sessions have forgotten their statements. */
  forgettings(process: string): number {
    return this.#forgot.filter((whose) => isOf(process, whose)).length;
  }
}

/** Whether that befell this process: it was named, or its place in the fleet, or all were. */
function isOf(process: string, whose: string | null): boolean {
  return whose === null || whose === process || process.startsWith(`${whose}.`);
}

function append<T>(lists: Map<string, T[]>, key: string, value: T): void {
  const list = lists.get(key);
  if (list === undefined) lists.set(key, [value]);
  else list.push(value);
}
