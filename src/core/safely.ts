/**
 * Calls what is the user's own, whose mistakes are not the queue's. A promise that rejects would end the process
 * otherwise: nobody waits for it.
 *
 * @param failed called with the name of what it throws or rejects with; must not throw
 * @returns where it returned a promise, one that resolves when that has settled
 */
export function safely(call: () => unknown, failed: (name: string) => void): Promise<void> | undefined {
  const fails = (error: unknown): void => {
    failed(nameOf(error));
  };
  try {
    const answer = call();
    return isThenable(answer) ? Promise.resolve(answer).then(ignored, fails) : undefined;
  } catch (error) {
    fails(error);
    return undefined;
  }
}

/** Also what is a promise for `await` alone, such as a query builder. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  const mayBe = (typeof value === "object" && value !== null) || typeof value === "function";
  return mayBe && "then" in value && typeof value.then === "function";
}

/** For what nobody is left to hear of. */
export const ignored = (): void => undefined;

/** Of a Proxy even that may throw. */
function nameOf(error: unknown): string {
  try {
    return error instanceof Error ? error.name : typeof error;
  } catch {
    return "unknown";
  }
}
