import type { JobRun } from "./run-job.ts";

/**
 * The runs under way. Each knows its place in a list, where a Set would find it: but of a Set that lives long, V8 keeps
 * what has left it. Every table that a Set outgrows points to the next one, so that once a single one of them counts as
 * old, all that follow it do, with all that was ever in them, until the whole heap is collected.
 */
export class RunSet {
  readonly #runs: JobRun[] = [];

  get size(): number {
    return this.#runs.length;
  }

  get runs(): readonly JobRun[] {
    return this.#runs;
  }

  /** When the one began that has been at work for longest. */
  get oldestStartedAt(): number | undefined {
    return this.#runs.length === 0
      ? undefined
      : this.#runs.reduce((oldest, { startedAt }) => Math.min(oldest, startedAt), Infinity);
  }

  add(run: JobRun): void {
    run.place = this.#runs.length;
    this.#runs.push(run);
  }

  /** The last one moves to its place. */
  delete(run: JobRun): void {
    if (this.#runs[run.place] !== run) return;
    const last = this.#runs.pop();
    if (last === undefined || last === run) return;
    last.place = run.place;
    this.#runs[last.place] = last;
  }
}
