import { InvalidInputError } from "./errors.ts";
import { checkOptions } from "./values/known-options.ts";

/** Answers a delay in milliseconds. Pure: what varies is passed in. */
export interface BackoffPolicy {
  /**
   * How long after a failed attempt the next one is due.
   *
   * @param attempt which attempt failed, from 1
   */
  delayMs(attempt: number): number;
}

/** How {@link backoffPolicy} spaces the attempts. */
export interface BackoffOptions {
  /** Delays in seconds; the last one repeats. @default 60, 300, 1800, 7200, 21600 (1m, 5m, 30m, 2h, 6h) */
  readonly delaysSeconds?: readonly number[] | undefined;
  /** The share of a delay, 0 to 1, by which it varies at random, so that jobs that failed together come back apart. @default 0.1 */
  readonly jitter?: number | undefined;
  /** @default Math.random */
  readonly random?: (() => number) | undefined;
}

const BACKOFF_OPTIONS = { delaysSeconds: true, jitter: true, random: true } as const satisfies Record<
  keyof BackoffOptions,
  true
>;

/**
 * The Python package's spacing: 1m, 5m, 30m, 2h, 6h.
 *
 * @throws InvalidInputError for an empty list, a negative delay or a jitter outside 0 to 1.
 */
export function backoffPolicy(options: BackoffOptions = {}): BackoffPolicy {
  checkOptions(options, BACKOFF_OPTIONS);
  const { delaysSeconds = [60, 300, 1_800, 7_200, 21_600], jitter = 0.1, random = Math.random } = options;
  checkDelays("delaysSeconds", delaysSeconds);
  if (!(jitter >= 0 && jitter <= 1)) throw new InvalidInputError("jitter", "a number from 0 to 1", jitter);
  return {
    delayMs: (attempt) => stepOf(delaysSeconds, attempt) * 1000 * (1 + jitter * (2 * random() - 1)),
  };
}

/** How long an idle worker waits before it looks again, where it hears no NOTIFY. */
export interface IdlePollPolicy {
  /** @param emptyPolls how many polls in a row found nothing, from 1 */
  delayMs(emptyPolls: number): number;
}

/** The Python package's: 1, 2, 5, 10 s, the last repeating. @throws InvalidInputError as {@link backoffPolicy} does. */
export function idlePollPolicy(delaysSeconds: readonly number[] = [1, 2, 5, 10]): IdlePollPolicy {
  checkDelays("delaysSeconds", delaysSeconds);
  return { delayMs: (emptyPolls) => stepOf(delaysSeconds, emptyPolls) * 1000 };
}

/** How long a worker waits after its loop itself failed: the database is away, a statement was refused. */
export interface LoopErrorPolicy {
  /** @param failures how many turns in a row failed, from 1 */
  delayMs(failures: number): number;
}

/** How {@link loopErrorPolicy} spaces its tries. */
export interface LoopErrorOptions {
  /** After the first failure, in milliseconds. @default 100 */
  readonly firstMs?: number | undefined;
  /** Never longer, in milliseconds: how long after its database's return a worker may still wait. @default 2000 */
  readonly maxMs?: number | undefined;
  /** @default Math.random */
  readonly random?: (() => number) | undefined;
}

const LOOP_ERROR_OPTIONS = { firstMs: true, maxMs: true, random: true } as const satisfies Record<
  keyof LoopErrorOptions,
  true
>;

/** Doubles from 100 ms up to 2 s, each between half and the whole, so that workers do not return as one. */
export function loopErrorPolicy(options: LoopErrorOptions = {}): LoopErrorPolicy {
  checkOptions(options, LOOP_ERROR_OPTIONS);
  const { firstMs = 100, maxMs = 2_000, random = Math.random } = options;
  checkDelays("firstMs", [firstMs]);
  checkDelays("maxMs", [maxMs]);
  return {
    delayMs: (failures) => Math.min(maxMs, firstMs * 2 ** Math.min(failures - 1, 30)) * (0.5 + random() / 2),
  };
}

/** The delay of a step, from 1; the last repeats. */
export function stepOf(delays: readonly number[], step: number): number {
  return delays[Math.min(Math.max(step, 1), delays.length) - 1] ?? 0;
}

function checkDelays(field: string, delays: readonly number[]): void {
  const wrong = delays.find((delay) => !Number.isFinite(delay) || delay < 0);
  if (delays.length === 0 || wrong !== undefined) {
    throw new InvalidInputError(field, "at least one number, none negative", wrong ?? delays);
  }
}
