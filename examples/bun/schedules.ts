import { defineSchedules } from "pqrun/schedules";

import type { jobs } from "./jobs.ts";

/** What is done without a request; a deploy adds, changes and removes what stands here. */
export const schedules = defineSchedules<typeof jobs>({
  "weekly check": {
    job: "render",
    cron: "0 6 * * MON",
    timeZone: "Europe/Paris",
    payload: { markdown: "# A queue that works renders this\n\nWhere it does not, somebody should look." },
  },
});
