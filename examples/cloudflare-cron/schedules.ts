import { defineSchedules } from "pqrun/schedules";

import type { jobs } from "./jobs.ts";

/** Each drain serves them; the trigger of each minute is as fine as it gets. */
export const schedules = defineSchedules<typeof jobs>({
  "front page": { job: "check", cron: "0 * * * *", payload: { url: "https://example.com/" } },
});
