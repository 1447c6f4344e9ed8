import type { JobAbortedError } from "../../src/runners/job/job-aborted.ts";

/** What a handler's context has that these need. */
interface Abortable {
  readonly signal: AbortSignal;
}

/** Runs until it is told to end, and ends then as a well-behaved handler does. */
export const heedsItsSignal = ({ signal }: Abortable): Promise<never> =>
  new Promise((_resolve, reject) => {
    if (signal.aborted) reject(new Error(`told to end: ${String(abortReason(signal))}`));
    signal.addEventListener("abort", () => {
      reject(new Error(`told to end: ${String(abortReason(signal))}`));
    });
  });

/** Never ends, whatever it is told. */
export const ignoresItsSignal = (): Promise<never> => new Promise(() => undefined);

/** Takes `ms`, or ends early when it is told to. */
export const takes =
  (ms: number) =>
  ({ signal }: Abortable): Promise<void> =>
    new Promise((resolve, reject) => {
      const timer = setTimeout(resolve, ms);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(new Error(`told to end: ${String(abortReason(signal))}`));
      });
    });

/** A promise that the test opens, for handlers to wait at. */
export class Gate {
  readonly #opening = Promise.withResolvers<undefined>();
  readonly opened = this.#opening.promise;

  open(): void {
    this.#opening.resolve(undefined);
  }
}

/** Why a handler's signal has aborted: undefined where it has not. */
export function abortReason({ reason }: AbortSignal): unknown {
  return (reason as JobAbortedError | undefined)?.reason;
}
