import type { Logger } from "../core/logger.ts";

/** Environment variables, such as Node's `process.env`. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** What the environment says; what it doesn't say is absent. */
export interface WorkerEnvironment {
  readonly enabled?: boolean;
  readonly reaper?: boolean;
  readonly concurrency?: number;
  readonly reapIntervalSeconds?: number;
  readonly staleTimeoutSeconds?: number;
  readonly shutdownGraceSeconds?: number;
  readonly shutdownTimeoutSeconds?: number;
}

const SWITCHES = { WORKER_ENABLED: "enabled", WORKER_REAPER_ENABLED: "reaper" } as const;

const NUMBERS = {
  WORKER_CONCURRENCY: ["concurrency", 1, 1_000],
  WORKER_REAP_INTERVAL: ["reapIntervalSeconds", 1, 86_400],
  WORKER_STALE_TIMEOUT: ["staleTimeoutSeconds", 1, 2_147_483],
  WORKER_SHUTDOWN_GRACE: ["shutdownGraceSeconds", 0, 86_400],
  WORKER_SHUTDOWN_TIMEOUT: ["shutdownTimeoutSeconds", 0, 86_400],
} as const;

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
 * that one image can be an API or a worker; a number beyond its bounds is
 * clamped, and nonsense is warned of and ignored.
 */
export function workerEnvironment(env: Environment, logger: Logger): WorkerEnvironment {
  const said: Record<string, boolean | number> = {};
  for (const [name, option] of Object.entries(SWITCHES)) {
    const text = env[name]?.trim().toLowerCase();
    if (text === undefined || text === "") continue;
    if (Object.hasOwn(WORDS, text)) said[option] = WORDS[text] === true;
    else
      logger.warn(`${name} is ignored: expected 1, true, yes, on, 0, false, no or off`, {
        came: text.slice(0, 40),
      });
  }
  for (const [name, [option, min, max]] of Object.entries(NUMBERS)) {
    const text = env[name]?.trim();
    if (text === undefined || text === "") continue;
    const number = Number(text);
    if (!Number.isFinite(number) || (option === "concurrency" && !Number.isInteger(number))) {
      logger.warn(`${name} is ignored: expected a number from ${min} to ${max}`, { came: text.slice(0, 40) });
      continue;
    }
    said[option] = Math.min(Math.max(number, min), max);
    if (said[option] !== number)
      logger.warn(`${name} is clamped to ${said[option]}`, { came: text.slice(0, 40) });
  }
  return said;
}
