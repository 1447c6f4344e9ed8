/** What goes one way through one connection, in its order, and some of it late. */
export class Lag {
  /** How much later each act is than it came. */
  delayMs = 0;
  #heldUntil = 0;
  readonly #waiting: { readonly at: number; readonly act: () => void }[] = [];
  #timer: NodeJS.Timeout | undefined;

  /** Whether something is still on its way. */
  get busy(): boolean {
    return this.#waiting.length > 0;
  }

  /** Holds what comes from now on for so long. */
  hold(ms: number): void {
    this.#heldUntil = performance.now() + ms;
  }

  /** Acts, behind all that came before. */
  pass(act: () => void): void {
    const now = performance.now();
    const at = Math.max(now + this.delayMs, this.#heldUntil);
    if (at <= now && !this.busy) {
      act();
      return;
    }
    this.#waiting.push({ at, act });
    this.#timer ??= this.#soon();
  }

  /** What is still on its way is lost. */
  clear(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    this.#waiting.length = 0;
  }

  #soon(): NodeJS.Timeout | undefined {
    const [next] = this.#waiting;
    if (next === undefined) return undefined;
    return setTimeout(() => {
      const now = performance.now();
      while (this.#waiting[0] !== undefined && this.#waiting[0].at <= now) this.#waiting.shift()?.act();
      this.#timer = this.#soon();
    }, next.at - performance.now());
  }
}
