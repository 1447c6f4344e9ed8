import { defineSchedules } from "pqrun/schedules";

import type { jobs } from "./jobs.ts";

/** Each invocation serves them; EventBridge's minute is as fine as it gets. */
export const schedules = defineSchedules<typeof jobs>({
  nightly: { job: "sitemap", cron: "0 4 * * *", timeZone: "America/New_York", payload: {} },
});
