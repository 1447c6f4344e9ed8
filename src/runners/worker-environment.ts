import type { Logger } from "../core/logger.ts";

/** Environment variables, such as Node's `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says; what it doesn't say is absent. */
export interface WorkerEnvironment {
  readonly enabled?: boolean;
  readonly reaper?: boolean;
  readonly concurrency?: number;
  readonly reapIntervalSeconds?: number;
  readonly defaultTimeoutSeconds?: number;
  readonly shutdownGraceSeconds?: number;
  readonly shutdownTimeoutSeconds?: number;
}

const SWITCHES = { WORKER_ENABLED: "enabled", WORKER_REAPER_ENABLED: "reaper" } as const;

/** Least and most; a fraction would do for all but the concurrency. */
type Bounds = readonly [name: string, min: number, max: number, whole?: boolean];

const STALE_TIMEOUT: Bounds = ["WORKER_STALE_TIMEOUT", 1, 2_147_483];

const NUMBERS = {
  concurrency: ["WORKER_CONCURRENCY", 1, 1_000, true],
  reapIntervalSeconds: ["WORKER_REAP_INTERVAL", 1, 86_400],
  defaultTimeoutSeconds: STALE_TIMEOUT,
  shutdownGraceSeconds: ["WORKER_SHUTDOWN_GRACE", 0, 86_400],
  shutdownTimeoutSeconds: ["WORKER_SHUTDOWN_TIMEOUT", 0, 86_400],
} as const satisfies Readonly<Record<string, Bounds>>;

const WORDS: Readonly<Record<string, boolean>> = {
  1: true,
  true: true,
  yes: true,
  on: true,
  0: false,
  false: false,
  no: false,
  off: false,
};

/** The environment of this process, on runtimes that have one. */
export function processEnvironment(): Environment {
  const { process } = globalThis as { readonly process?: { readonly env?: Environment } };
  return process?.env ?? {};
}

/**
 * The seven variables that the Python package has too. They override code, so
 * that one image can be an API or a worker. A switch is on for its four words and
 * off for any other, as there, with a warning where the word is none for off; a
 * number beyond its bounds is clamped, and nonsense is warned of and ignored.
 * One that is empty says nothing, where Python's switches would be off.
 */
export function workerEnvironment(env: Environment, logger: Logger): WorkerEnvironment {
  const said: Record<string, boolean | number> = {};
  for (const [name, option] of Object.entries(SWITCHES)) {
    const text = textOf(env, name)?.toLowerCase();
    if (text === undefined) continue;
    said[option] = Object.hasOwn(WORDS, text) && WORDS[text] === true;
    if (!Object.hasOwn(WORDS, text))
      logger.warn(`${name} switches off: expected 1, true, yes, on, 0, false, no or off`, {
        came: text.slice(0, 40),
      });
  }
  for (const [option, bounds] of Object.entries(NUMBERS)) {
    const number = numberOf(env, bounds, logger);
    if (number !== undefined) said[option] = number;
  }
  return said;
}

/** WORKER_STALE_TIMEOUT alone, by which drains must judge a Python worker's jobs as its own reaper does. */
export function environmentStaleTimeout(env: Environment, logger: Logger): number | undefined {
  return numberOf(env, STALE_TIMEOUT, logger);
}

function numberOf(
  env: Environment,
  [name, min, max, whole = false]: Bounds,
  logger: Logger,
): number | undefined {
  const text = textOf(env, name);
  if (text === undefined) return undefined;
  const number = Number(text);
  if (!Number.isFinite(number) || (whole && !Number.isInteger(number))) {
    logger.warn(`${name} is ignored: expected a number from ${min} to ${max}`, { came: text.slice(0, 40) });
    return undefined;
  }
  const clamped = Math.min(Math.max(number, min), max);
  if (clamped !== number) logger.warn(`${name} is clamped to ${clamped}`, { came: text.slice(0, 40) });
  return clamped;
}

/** A variable's text; undefined where there is none, or where the runtime refuses it: Deno grants variables one by one. */
function textOf(env: Environment, name: string): string | undefined {
  try {
    // Where a platform's bindings stand in for an environment, some are no texts.
    const value: unknown = env[name];
    return typeof value === "string" && value.trim() !== "" ? value.trim() : undefined;
  } catch {
    return undefined;
  }
}
