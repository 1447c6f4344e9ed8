/** A promise that learns when somebody begins to wait for it: what it rejects with is that caller's then, and else is not thrown. */
export class ObservedPromise<T> extends Promise<T> {
  /** What is derived from it by `then` is a plain promise. */
  static override get [Symbol.species](): PromiseConstructor {
    return Promise;
  }

  #onObserved: (() => void) | undefined;

  /** Calls `onObserved` once, when the first caller waits. */
  static of<T>(work: Promise<T>, onObserved: () => void): ObservedPromise<T> {
    const promise = new ObservedPromise<T>((resolve) => {
      resolve(work);
    });
    // A rejection that nobody waits for must not end the process.
    promise.catch(() => undefined);
    promise.#onObserved = onObserved;
    return promise;
  }

  override then<A = T, B = never>(
    onFulfilled?: ((value: T) => A | PromiseLike<A>) | null,
    onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null,
  ): Promise<A | B> {
    const observed = this.#onObserved;
    this.#onObserved = undefined;
    observed?.();
    return super.then(onFulfilled, onRejected);
  }
}
