/** What is to begin. */
export interface Beginning {
  begin(): void;
}

/**
 * Begins each run in the async context (AsyncLocalStorage's) in which the runner was started, whatever a handler, a hook
 * or a driver has entered since. No standard API goes back to a context, but a promise's reaction runs in the one in
 * which it was registered: so each reaction registers the next, before what it begins can enter another.
 */
export class StartContext {
  readonly #waiting: Beginning[] = [];
  #resolve: (() => void) | undefined;

  /** From here on the caller's context is the one to begin in. */
  open(): void {
    void new Promise<void>(this.#executor).then(this.#reaction);
  }

  /** Begins soon, after what came before; it must not throw. */
  enter(beginning: Beginning): void {
    this.#waiting.push(beginning);
    this.#go();
  }

  /** Made once, not for each job, as the reaction is. */
  readonly #executor = (resolve: () => void): void => {
    this.#resolve = resolve;
  };

  readonly #reaction = (): void => {
    this.open();
    const next = this.#waiting.shift();
    if (this.#waiting.length > 0) this.#go();
    next?.begin();
  };

  #go(): void {
    const resolve = this.#resolve;
    this.#resolve = undefined;
    resolve?.();
  }
}
