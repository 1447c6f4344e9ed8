import type { jobs } from "../../../examples/hono-node/jobs.ts";
import { defineSchedules } from "../../core/schedules/define-schedules.ts";
import type { Schedules } from "../../core/schedules/schedules.ts";

/** Whose schedules these are: each run of the demo removes what the one before has left. */
export const OWNER = "demo";

/** What the demo does by itself while it serves: a file is read again each minute. */
export function demoSchedules(path: string): Schedules {
  return defineSchedules<typeof jobs>({
    "every minute": { job: "summarize", cron: "* * * * *", payload: { path }, priority: -1 },
  });
}

/** A run that ends by itself has none. */
export const NO_SCHEDULES = defineSchedules<typeof jobs>({});
