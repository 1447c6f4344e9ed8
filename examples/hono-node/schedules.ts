import { defineSchedules } from "pqrun/schedules";

import type { jobs } from "./jobs.ts";

/** What is done without a request; a deploy adds, changes and removes what stands here. */
export const schedules = defineSchedules<typeof jobs>({
  "daily check": {
    job: "summarize",
    cron: "0 3 * * *",
    timeZone: "Europe/Berlin",
    payload: { text: "A queue that works summarizes this. Where it does not, somebody should look." },
  },
});
