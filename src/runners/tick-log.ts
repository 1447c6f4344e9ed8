import type { Tick } from "../core/operations/tick.ts";
import type { Logger } from "../core/logger.ts";

/** Logs which schedules a tick has stopped, and why. */
export function logStopped(ticks: readonly Tick[], logger: Logger): void {
  for (const { schedule, problem } of ticks) {
    if (problem !== null) logger.error("a schedule is stopped", { schedule, error: problem });
  }
}
