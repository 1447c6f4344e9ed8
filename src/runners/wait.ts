import { UnknownOutcomeError } from "../core/errors.ts";
import { MAX_TIMER_MS, clearTimeout, setTimeout } from "./timers.ts";

/**
 * How soon to try again what somebody else has, or what may come at any moment: after so many milliseconds each, the
 * last repeating.
 */
export const SOON_MS = [5, 25, 100, 250, 1_000] as const;

/**
 * A wait that can be cut short. A wake-up that comes while nobody waits is
 * kept for the next wait, so that none is lost between a poll and a sleep.
 */
export class Waiter {
  #woken = false;
  #cut: (() => void) | undefined;

  /** Ends the wait under way, or the next one at once. */
  wake(): void {
    this.#woken = true;
    this.#cut?.();
  }

  /** Waits until `done`, asked at each {@link Waiter.wake}, and keeps a process that has nothing else to do. */
  async until(done: () => boolean): Promise<void> {
    while (!done()) await this.wait(MAX_TIMER_MS);
  }

  /** Waits for {@link Waiter.wake}, at most `ms`; Infinity waits for that alone. */
  async wait(ms: number): Promise<void> {
    if (!this.#woken && ms > 0) {
      await new Promise<void>((resolve) => {
        const timer = ms === Infinity ? undefined : setTimeout(resolve, Math.min(ms, MAX_TIMER_MS));
        this.#cut = () => {
          if (timer !== undefined) clearTimeout(timer);
          resolve();
        };
      });
      this.#cut = undefined;
    }
    this.#woken = false;
  }
}

/** What `act` comes to once `signal` has fired; `forget` ends the listening. */
export function uponAbort<T>(
  signal: AbortSignal | undefined,
  act: () => Promise<T>,
): { readonly result: Promise<T>; readonly forget: () => void } {
  let onAbort = (): void => undefined;
  const result = new Promise<T>((resolve) => {
    onAbort = () => {
      resolve(act());
    };
  });
  signal?.addEventListener("abort", onAbort);
  if (signal?.aborted === true) onAbort();
  return { result, forget: () => signal?.removeEventListener("abort", onAbort) };
}

/** Lets everything that is ready run first, so that handlers that end together are settled together. */
export function nextTick(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 0);
  });
}

/** What {@link within} returns where the work took longer, or was cut short. */
export const TOO_LATE: unique symbol = Symbol("too late");

/**
 * `work`, or {@link TOO_LATE} after `ms`, or once `cut` is aborted: its signal is aborted then, and
 * nobody waits for it any longer, whether or not its driver heeds the signal.
 */
export async function within<T>(
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
  cut?: AbortSignal,
): Promise<T | typeof TOO_LATE> {
  const controller = new AbortController();
  let timer: ReturnType<typeof setTimeout> | undefined;
  let onCut = (): void => undefined;
  const late = new Promise<typeof TOO_LATE>((resolve) => {
    const end = (reason: unknown): void => {
      controller.abort(reason);
      resolve(TOO_LATE);
    };
    onCut = () => {
      end(cut?.reason);
    };
    timer = setTimeout(
      () => {
        end(new Error(`no answer within ${Math.round(ms)} ms`));
      },
      Math.min(Math.max(ms, 0), MAX_TIMER_MS),
    );
  });
  cut?.addEventListener("abort", onCut);
  const working = work(controller.signal);
  // What it throws after it was given up on is ignored.
  working.catch(() => undefined);
  try {
    return await Promise.race([working, late]);
  } finally {
    if (timer !== undefined) clearTimeout(timer);
    cut?.removeEventListener("abort", onCut);
  }
}

/**
 * What one statement returns, waited for as {@link within} does.
 *
 * @throws UnknownOutcomeError where no answer came in time.
 */
export async function answerWithin<T>(
  operation: string,
  ms: number,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const answer = await within(ms, work);
  if (answer === TOO_LATE) throw new UnknownOutcomeError(operation, new Error("no answer came in time"));
  return answer;
}

/** Timers that end together. */
export class Timers {
  readonly #timers = new Set<ReturnType<typeof setTimeout>>();

  /** Calls `act` after `ms`, unless {@link Timers.clear} comes first. */
  after(ms: number, act: () => void): void {
    const timer = setTimeout(
      () => {
        this.#timers.delete(timer);
        act();
      },
      Math.min(Math.max(ms, 0), MAX_TIMER_MS),
    );
    this.#timers.add(timer);
  }

  clear(): void {
    for (const timer of this.#timers) clearTimeout(timer);
    this.#timers.clear();
  }
}
