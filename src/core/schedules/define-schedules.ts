import type { JobContracts, UntypedJobs } from "../contract.ts";
import { InvalidInputError } from "../errors.ts";
import { checkScheduleName, checkSchedule } from "./check-schedule.ts";
import { declareStatement, readDeclared } from "./declare.ts";
import type { ScheduleDefinition, Schedules } from "./schedules.ts";
import { sendSchedule } from "./send-schedule.ts";

/**
 * Schedules by name, for the `schedules` of a worker or a drain, typed by the contracts.
 *
 * ```ts
 * const schedules = defineSchedules<typeof jobs>({
 *   nightly: { job: "report", cron: "0 3 * * *", timeZone: "Asia/Seoul", payload: { kind: "daily" }, tickAs: "day" },
 * });
 * new Worker({ store, handlers, schedules, owner: "reports" });
 * ```
 *
 * Names are the table's: two owners can't have the same one.
 */
export function defineSchedules<J extends JobContracts = UntypedJobs>(
  definitions: Readonly<Record<string, ScheduleDefinition<J>>>,
): Schedules {
  const declared = new WeakMap<object, string>();
  return {
    definitions,
    declaration: (store, owner, logger) => {
      checkScheduleName(owner, "owner");
      const { connection, jobs } = store;
      if (connection.inTransaction) throw new InvalidInputError("store", "one outside a transaction", store);
      if (declared.get(store) === owner) return undefined;
      return async (options) => {
        const rows = await Promise.all(
          Object.entries(definitions).map(([name, definition]) => checkSchedule(name, definition, jobs)),
        );
        const statement = declareStatement(connection.names, rows, owner);
        const { removed, taken } = readDeclared(
          await sendSchedule(connection, "declare", statement, options),
        );
        declared.set(store, owner);
        if (removed.length > 0)
          logger.warn("schedules are removed", { owner, schedules: removed.join(", ") });
        if (taken.length > 0) {
          logger.error("schedules belong to somebody else, and were left as they are", {
            owner,
            schedules: taken.join(", "),
          });
        }
      };
    },
  };
}
