/** The ledger outside the database: one file for each process, one line for each act, written before or after it. */
import { createReadStream, openSync, readdirSync, writeSync } from "node:fs";
import { join } from "node:path";
import { createInterface } from "node:readline";

import type { Account } from "./account.ts";

/** What a line tells. Times are epoch milliseconds: all processes share one clock. */
export type LedgerLine =
  /** About to enqueue these markers, with these dedupe keys. */
  | { readonly k: "intent"; readonly m: readonly string[]; readonly keys: readonly (string | null)[] }
  /** Acknowledged, in the order of the markers; `c` where the answer was that the job has been created. */
  | {
      readonly k: "ack";
      readonly m: readonly string[];
      readonly ids: readonly string[];
      readonly c: readonly boolean[];
    }
  /** It may have arrived, or not. */
  | { readonly k: "unknown"; readonly m: readonly string[] }
  /** The error said that nothing was written, and why. */
  | { readonly k: "refused"; readonly m: readonly string[]; readonly why: string }
  | {
      readonly k: "start";
      readonly id: string;
      readonly a: number;
      readonly l: string;
      readonly p: string;
      readonly t: number;
    }
  /** The handler came to its end, whichever. */
  | { readonly k: "end"; readonly id: string; readonly a: number; readonly p: string; readonly t: number }
  | {
      readonly k: "event";
      readonly e: string;
      readonly id: string;
      readonly a: number | null;
      readonly p: string;
      readonly t: number;
    }
  /** A process that could not keep its leases for a while; `p` null for all of them. */
  | {
      readonly k: "hurt";
      readonly why: string;
      readonly p: string | null;
      readonly t: number;
      readonly until: number;
    }
  /** The sessions of a process, or of all (null), have forgotten their named statements, or the table is another. */
  | { readonly k: "forgot"; readonly p: string | null; readonly t: number }
  /** A fault begins, on a place in the fleet or on all (null), or a runner's own statement failed: it explains nothing. */
  | { readonly k: "seen"; readonly p: string | null; readonly t: number; readonly what: string }
  /** A named statement of that process was refused for what its session no longer knows. */
  | { readonly k: "misnamed"; readonly p: string; readonly t: number }
  /** What did not add up where it was seen. */
  | { readonly k: "found"; readonly account: Account; readonly id: string; readonly why: string };

/** Writes one process's lines. A line is one write to an O_APPEND file, so a kill -9 after it takes nothing back. */
export class LedgerWriter {
  readonly #file: number;

  constructor(folder: string, name: string) {
    this.#file = openSync(join(folder, `${name}.ledger`), "a");
  }

  write(line: LedgerLine): void {
    writeSync(this.#file, `${JSON.stringify(line)}\n`);
  }
}

/** All lines of all processes, process by process. */
export async function* readLedger(folder: string): AsyncGenerator<LedgerLine> {
  for (const file of readdirSync(folder).filter((name) => name.endsWith(".ledger"))) {
    const lines = createInterface({ input: createReadStream(join(folder, file)), crlfDelay: Infinity });
    for await (const line of lines) {
      if (line.endsWith("}")) yield JSON.parse(line) as LedgerLine;
    }
  }
}
