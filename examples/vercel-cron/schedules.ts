import { defineSchedules } from "pqrun/schedules";

import type { jobs } from "./jobs.ts";

/** Each drain serves them, with time zones that Vercel's crons have not. */
export const schedules = defineSchedules<typeof jobs>({
  "weekly digest": {
    job: "deliver",
    cron: "0 9 * * MON",
    timeZone: "Europe/London",
    payload: { type: "digest.due", data: null },
  },
});
