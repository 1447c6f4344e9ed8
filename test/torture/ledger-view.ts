import type { LedgerLine } from "./ledger.ts";

/** One start of a handler. */
export interface Start {
  readonly attempts: number;
  readonly lockedBy: string;
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

/** How long after a fault its process may still be finding its way back. */
const AFTERMATH_MS = 3_000;

/** The ledger, read into what the accounts ask of it. */
export class LedgerView {
  readonly intents = new Set<string>();
  readonly refused = new Set<string>();
  readonly acknowledged = new Set<string>();
  readonly starts = new Map<string, Start[]>();
  /** Final outcomes that runners were told by the database, by job. */
  readonly outcomes = new Map<string, number>();
  readonly ended = new Set<string>();
  readonly hurts: Hurt[] = [];
  unknown = 0;

  add(line: LedgerLine): void {
    switch (line.k) {
      case "intent":
        for (const marker of line.m) this.intents.add(marker);
        return;
      case "ack":
        for (const id of line.ids) this.acknowledged.add(id);
        return;
      case "unknown":
        this.unknown += line.m.length;
        return;
      case "refused":
        for (const marker of line.m) this.refused.add(marker);
        return;
      case "start": {
        const start = { attempts: line.a, lockedBy: line.l, process: line.p, at: line.t };
        const known = this.starts.get(line.id);
        if (known === undefined) this.starts.set(line.id, [start]);
        else known.push(start);
        return;
      }
      case "end":
        this.ended.add(`${line.id}/${line.p}/${line.a}`);
        return;
      case "event":
        if (line.e === "done" || line.e === "failed")
          this.outcomes.set(line.id, (this.outcomes.get(line.id) ?? 0) + 1);
        return;
      case "hurt":
        this.hurts.push({ why: line.why, process: line.p, from: line.t, until: line.until });
        return;
      default:
        line satisfies never;
    }
  }

  /** Whether something befell this process, or the server, that can have cost it a lease of that time. */
  explains(process: string, from: number, until: number): boolean {
    return this.hurts.some(
      (hurt) =>
        (hurt.process === null || hurt.process === process || process.startsWith(`${hurt.process}.`)) &&
        hurt.from <= until &&
        hurt.until >= from - AFTERMATH_MS,
    );
  }
}
