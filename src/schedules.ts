/** `pqrun/schedules`: schedules declared in code and kept by hand. What serves them is in every worker and drain. */
export { defineSchedules } from "./core/schedules/define-schedules.ts";
export { ScheduleStore } from "./core/schedules/schedule-store.ts";
export type { NextTicksOptions } from "./core/schedules/schedule-store.ts";
export type { Schedule } from "./core/schedules/schedule-operations.ts";
export type { ScheduleDefinition, ScheduleTiming, Schedules } from "./core/schedules/schedules.ts";
