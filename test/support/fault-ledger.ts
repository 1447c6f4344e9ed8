/** A row as it is at the end. */
export interface FinalRow {
  readonly id: string;
  /** The number that the job was enqueued with. */
  readonly n: number;
  readonly status: string;
}

/** What an accounting found. Lists of jobs, by id or by number. */
export interface Account {
  readonly acknowledged: number;
  /** Acknowledged, and not DONE. */
  readonly lost: readonly string[];
  /** There, although the caller was told that nothing was written; or there twice. */
  readonly unexpected: readonly number[];
  /** Enqueues of unknown outcome, and how many of them were carried out. */
  readonly unknown: { readonly enqueues: number; readonly written: number };
  /** Started again with no fault between the two starts. */
  readonly unexplained: readonly string[];
  /** Started again after a fault. */
  readonly repeated: number;
}

/** What was acknowledged, started and ended: kept outside the database that a test breaks. */
export class FaultLedger {
  readonly #acknowledged = new Map<string, number>();
  readonly #unknown = new Set<number>();
  readonly #starts = new Map<string, number[]>();
  readonly #pickUps = new Map<string, number>();
  readonly #faults: { readonly from: number; until: number }[] = [];
  #numbers = 0;

  /** A number that no other job has. */
  next(): number {
    return (this.#numbers += 1);
  }

  acknowledge(id: string, n: number): void {
    this.#acknowledged.set(id, n);
  }

  /** No answer came: the job may be there. */
  doubt(n: number): void {
    this.#unknown.add(n);
  }

  /** @param lockedBy tells one pick-up from another */
  start({ id, lockedBy }: { readonly id: string; readonly lockedBy: string }): void {
    const now = performance.now();
    this.#starts.set(id, [...(this.#starts.get(id) ?? []), now]);
    if (!this.#pickUps.has(lockedBy)) this.#pickUps.set(lockedBy, now);
  }

  get started(): number {
    return this.#starts.size;
  }

  get acknowledged(): number {
    return this.#acknowledged.size;
  }

  /** A fault begins; call what it answers when it is over. */
  fault(): () => void {
    const fault = { from: performance.now(), until: Infinity };
    this.#faults.push(fault);
    return () => {
      fault.until = performance.now();
    };
  }

  /** From the end of each fault to the first start of a pick-up after it, in milliseconds; Infinity where none came. */
  recoveries(): readonly number[] {
    const pickUps = [...this.#pickUps.values()].sort((one, other) => one - other);
    return this.#faults.map(({ until }) => (pickUps.find((at) => at >= until) ?? Infinity) - until);
  }

  /** @param lateMs how long after a fault it still explains a start: leases of drains outlive them */
  account(rows: readonly FinalRow[], lateMs = 0): Account {
    const byId = new Map(rows.map((row) => [row.id, row]));
    const promised = new Set([...this.#acknowledged.values(), ...this.#unknown]);
    const seen = new Set<number>();
    const unexpected = rows
      .filter(({ n }) => {
        const again = seen.has(n);
        seen.add(n);
        return again || !promised.has(n);
      })
      .map(({ n }) => n);
    const again = [...this.#starts].filter(([, starts]) => starts.length > 1);
    return {
      acknowledged: this.#acknowledged.size,
      lost: [...this.#acknowledged.keys()].filter((id) => byId.get(id)?.status !== "DONE"),
      unexpected,
      unknown: {
        enqueues: this.#unknown.size,
        written: [...this.#unknown].filter((n) => seen.has(n)).length,
      },
      unexplained: again.filter(([, starts]) => !this.#explains(starts, lateMs)).map(([id]) => id),
      repeated: again.length,
    };
  }

  /** Between each two starts of a job lies some of a fault. */
  #explains(starts: readonly number[], lateMs: number): boolean {
    return starts
      .slice(1)
      .every((start, index) =>
        this.#faults.some(({ from, until }) => from <= start && until + lateMs >= (starts[index] ?? 0)),
      );
  }
}

/** The value below which a share of the values lies. */
export function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((one, other) => one - other);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

/** p50, p99 and max, in whole milliseconds. */
export function spread(values: readonly number[]): string {
  const ms = (value: number): string => `${Math.round(value)} ms`;
  return `n ${values.length}, p50 ${ms(quantile(values, 0.5))}, p99 ${ms(quantile(values, 0.99))}, max ${ms(Math.max(...values))}`;
}
