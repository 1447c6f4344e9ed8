import { causesText } from "../core/error-text.ts";
import { logsDebug } from "../core/logger.ts";
import type { Logger } from "../core/logger.ts";

/** Ten years: what is due later is a mistake. */
const LONGEST_MS = 315_576_000_000;

/** A policy of the user's own, of whatever kind. */
interface DelayPolicy {
  delayMs(step: number): number;
}

/**
 * The user's policy, whose mistakes end no loop: where it throws, or answers
 * what is no delay up to `longestMs`, that is logged and the default's answer counts.
 */
export function soundPolicy(
  name: string,
  own: DelayPolicy | undefined,
  fallback: DelayPolicy,
  logger: Logger,
  longestMs = LONGEST_MS,
): DelayPolicy {
  if (own === undefined) return fallback;
  return {
    delayMs: (step) => {
      try {
        const delayMs: unknown = own.delayMs(step);
        if (typeof delayMs === "number" && delayMs >= 0 && delayMs <= longestMs) return delayMs;
        logger.error(`${name} answered no delay`, { step, answer: String(delayMs).slice(0, 40) });
      } catch (error) {
        logger.error(`${name} threw`, { step, error: causesText(error) });
      }
      return fallback.delayMs(step);
    },
  };
}

/** The user's logger; what it throws is nobody's: there is no place left to tell it. */
export function soundLogger(logger: Logger): Logger {
  // pqrun's own do not throw, and are told apart by what they are.
  if (!logsDebug(logger)) return logger;
  const sound =
    (level: keyof Logger): Logger["info"] =>
    (message, fields) => {
      try {
        logger[level](message, fields);
      } catch {
        // A job is not to fail for want of a line about it.
      }
    };
  return { debug: sound("debug"), info: sound("info"), warn: sound("warn"), error: sound("error") };
}
