import type { Logger } from "../../core/logger.ts";
import { isEnded } from "../../core/sql/sql-state.ts";
import type { JobSlots } from "../job/job-slots.ts";

/**
 * Whether the owner of the pool has ended it before the worker: no settlement will be sent then, and a stop has nothing
 * to wait for. Said once, with the handlers aborted.
 */
export function poolHasEnded(error: unknown, slots: JobSlots, logger: Logger): boolean {
  if (!isEnded(error)) return false;
  logger.error(
    "the pool was ended before the worker was stopped: what has run can't be settled, and runs again. Stop the worker first",
    { jobs: slots.settlementQueue.size + slots.running },
  );
  slots.abort("shutdown");
  slots.giveUp();
  return true;
}
