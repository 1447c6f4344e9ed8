import { causesText } from "../core/values/error-text.ts";
import type { Logger } from "../core/logger.ts";
import { ignored, safely } from "../core/safely.ts";

/** Ten years: what is due later is a mistake. */
const LONGEST_MS = 315_576_000_000;

/** A policy of the user's own, of whatever kind. */
interface DelayPolicy {
  delayMs(step: number): number;
}

/**
 * The user's policy, whose mistakes end no loop: where it throws, or returns
 * what is no delay up to `longestMs`, that is logged and the default's delay counts.
 */
export function safePolicy(
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
        void safely(() => delayMs, ignored);
        logger.error(`${name} returned no valid delay`, { step, returned: String(delayMs).slice(0, 40) });
      } catch (error) {
        logger.error(`${name} threw`, { step, error: causesText(error) });
      }
      return fallback.delayMs(step);
    },
  };
}

/** The user's own account of what is left: where it fails, nothing is, and the drain ends in order. */
export function safeBudget(own: () => number, logger: Logger): () => number {
  return () => {
    let leftMs: unknown;
    void safely(
      () => {
        leftMs = own();
        return leftMs;
      },
      (error) => {
        logger.error("budgetMs threw", { error });
      },
    );
    return typeof leftMs === "number" && !Number.isNaN(leftMs) ? leftMs : 0;
  };
}
