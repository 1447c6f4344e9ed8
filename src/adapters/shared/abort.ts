/**
 * Settles as `work` does, or at once with the signal's reason. `onAbort` runs
 * in the second case: the place to cancel at the driver. What becomes of `work`
 * then is ignored.
 */
export async function orAbort<T>(
  work: Promise<T>,
  signal: AbortSignal | undefined,
  onAbort: () => void = () => undefined,
): Promise<T> {
  if (signal === undefined) return await work;
  let stop: (() => void) | undefined;
  const aborted = new Promise<never>((_, reject) => {
    stop = () => {
      onAbort();
      reject(reasonOf(signal));
    };
    if (signal.aborted) stop();
    else signal.addEventListener("abort", stop, { once: true });
  });
  try {
    return await Promise.race([aborted, work]);
  } finally {
    if (stop !== undefined) signal.removeEventListener("abort", stop);
    work.catch(() => undefined);
  }
}

/** @throws the signal's reason, where it has been aborted already: nothing has been sent then. */
export function refuseAborted(signal: AbortSignal | undefined): void {
  signal?.throwIfAborted();
}

function reasonOf(signal: AbortSignal): Error {
  return signal.reason as Error;
}
