import { waitingIsFutile } from "../../core/sql/sql-state.ts";

/**
 * Whether a worker can work at all. Until one turn was answered, a failure that waiting does not mend (a wrong password,
 * no table) is its caller's to know: passwords rotate and servers fail over, so afterwards every failure is waited for.
 */
export class FirstTurn {
  readonly #end: () => void;
  #answered = false;
  #refused = false;
  #failure: { readonly error: unknown } | undefined;
  #observed = false;

  /** @param end ends the worker: its caller waits for `run`, and will get the error */
  constructor(end: () => void) {
    this.#end = end;
  }

  /** A turn was answered. */
  answered(): void {
    this.#answered = true;
    if (!this.#refused) this.#failure = undefined;
  }

  /** @returns whether the failure is one that waiting does not mend */
  failed(error: unknown): boolean {
    if (this.#answered || !waitingIsFutile(error)) return false;
    this.#failure = { error };
    if (this.#observed) this.#end();
    return true;
  }

  /** The worker was told to do something that the database refuses, whatever else it can do. */
  refused(error: unknown): void {
    this.#failure = { error };
    this.#refused = true;
    if (this.#observed) this.#end();
  }

  /** The caller waits for `run`. */
  observe(): void {
    this.#observed = true;
    if (this.#failure !== undefined) this.#end();
  }

  /** @throws the failure, where the caller waits for `run` */
  throwIfFailed(): void {
    if (this.#observed && this.#failure !== undefined) throw this.#failure.error;
  }
}
