import { scheduledDrain } from "pqrun/cloudflare";

import { api } from "./api.ts";
import { handlers } from "./handlers.ts";
import { schedules } from "./schedules.ts";
import { sql, store } from "./store.ts";

/**
 * Without a loop, and as a Worker on Cloudflare has it: `bun cron.ts` serves the
 * API, and the line that `bun run cron:on` puts into the crontab drains.
 */
export default {
  hostname: process.env["HOST"] ?? "127.0.0.1",
  fetch: api,
  scheduled: scheduledDrain(() => ({
    store,
    handlers,
    schedules,
    owner: "bun",
    prune: { olderThanSeconds: 7 * 86_400 },
    // Each drain is a process of its own.
    close: () => sql.close(),
    onReport: (report) => {
      console.info(JSON.stringify(report));
    },
  })),
};
