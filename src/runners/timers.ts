import { InvalidInputError } from "../core/errors.ts";

/** What test libraries put in a timer's place, and by what it is known: the clock that moves it keeps what it stands for. */
interface Faked {
  readonly clock?: unknown;
  readonly _isMockFunction?: unknown;
  readonly name?: unknown;
}

const runtime = globalThis as unknown as Readonly<Record<string, Faked | undefined>>;

/**
 * The runtime's own, as it was when this module was loaded: what a test replaces later stops no runner. Sinon, and with
 * it Jest and Vitest, keep on the clock what they had replaced before.
 */
function own(name: string): unknown {
  const current = runtime[name];
  const clock = current?.clock;
  const kept =
    typeof clock === "object" ? (clock as Record<string, unknown> | null)?.[`_${name}`] : undefined;
  return kept ?? current;
}

/** The longest that a timer can wait; what is longer ends early, and is waited for again. */
export const MAX_TIMER_MS = 2_147_483_647;

type SetTimeout = typeof globalThis.setTimeout;

/** As the runtime's. */
export const setTimeout = own("setTimeout") as SetTimeout;
/** As the runtime's. */
export const clearTimeout = own("clearTimeout") as typeof globalThis.clearTimeout;

const setImmediate = own("setImmediate") as ((act: () => void) => unknown) | undefined;

/** Calls `act` once the event loop has had its turn: what was to be sent has gone out, and what came in has been read. */
export function afterEvents(act: () => void): void {
  if (setImmediate === undefined) setTimeout(act, 0);
  else setImmediate(act);
}

interface Clock {
  now(): number;
}

/** Bound, since a stand-in may be put into the object itself. */
function clockOf(name: "performance" | "Date"): () => number {
  const clock = own(name) as Clock;
  return clock.now.bind(clock);
}

/** Milliseconds of a clock that never goes back, and may stand still while its machine sleeps. */
export const monotonicMs = clockOf("performance");
/** Milliseconds by the calendar, which may be set back and forth. */
export const calendarMs = clockOf("Date");

/**
 * A runner whose timers never fire would wait for ever.
 *
 * @throws InvalidInputError where they are a test's and the runtime's own can't be had.
 */
export function checkTimers(): void {
  const { clock, _isMockFunction: mocked, name } = setTimeout as Faked;
  if (clock === undefined && mocked !== true && name !== "bound #createTimer") return;
  throw new InvalidInputError(
    "setTimeout",
    "the runtime's own, not fake timers: leave setTimeout, clearTimeout and setImmediate out of them, or load pqrun before",
    setTimeout,
  );
}
