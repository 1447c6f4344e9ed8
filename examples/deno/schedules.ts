import { defineSchedules } from "pqrun/schedules";

import type { jobs } from "./jobs.ts";

/** What is done without a request; a deploy adds, changes and removes what stands here. */
export const schedules = defineSchedules<typeof jobs>({
  "weekly check": {
    job: "profile",
    cron: "0 6 * * MON",
    timeZone: "Asia/Tokyo",
    payload: { csv: "a queue that works,profiles this\n1,2\n" },
  },
});
