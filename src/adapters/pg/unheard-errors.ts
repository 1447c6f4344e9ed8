import { loggerOf } from "../../core/logger.ts";
import type { Logger } from "../../core/logger.ts";
import { causesText } from "../../core/values/error-text.ts";

/** How long one line about lost connections stands for those that follow, in milliseconds. */
const QUIET_MS = 60_000;

/** A pool, which emits the errors of its idle clients, or a client. */
interface Emitter {
  on?(event: "error", listener: (error: Error) => void): unknown;
  listenerCount?(event: "error"): number;
}

/** One listener is enough, however many executors speak through it. */
const heard = new WeakSet<object>();

/**
 * Listens for a driver's errors where nobody else does: one that nobody hears ends the process, and a server ends idle
 * connections when it restarts, fails over, or has had enough of them. The next statement opens another.
 *
 * @param what was lost, for the log
 */
export function hearErrors(emitter: Emitter, what: string, logger: Logger | false | undefined): void {
  if (heard.has(emitter) || emitter.listenerCount?.("error") !== 0) return;
  heard.add(emitter);
  const log = loggerOf(logger);
  let quietUntil = -Infinity;
  emitter.on?.("error", (error) => {
    // Who has begun to listen since hears it too, and logs it or not.
    if ((emitter.listenerCount?.("error") ?? 0) > 1) return;
    const now = performance.now();
    if (now < quietUntil) return;
    quietUntil = now + QUIET_MS;
    log.warn(`${what} was lost`, { error: causesText(error) });
  });
}
