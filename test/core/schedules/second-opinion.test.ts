import { expect, test } from "vitest";

import { EXPRESSIONS, changesOf, walk } from "../../support/cron-oracle.ts";
import { cronerTicks, differenceOf, type Difference } from "../../support/cron-second-opinion.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

const GAP_END = "at the gap's end";

/** What croner says otherwise in each, by expression; of all others both say the same. `npm run test:cron` asks for all zones. */
const ZONES: Readonly<Record<string, Readonly<Record<string, Difference>>>> = {
  "Europe/Berlin": { "30 2 * * *": GAP_END },
  "Australia/Lord_Howe": {},
  "Pacific/Chatham": { "0 0,1,2,3 * * *": GAP_END },
  "Atlantic/Azores": {},
  "America/Nuuk": { "15 23 * * *": "lost at midnight" },
  "Antarctica/Troll": {
    "30 2 * * *": GAP_END,
    "0 0,1,2,3 * * *": "one for several",
    "5 1 * * 0,6": GAP_END,
  },
};

test.for(Object.keys(ZONES))(
  "in %s croner says the same, but for what a gap of the clock leaves out",
  async (zone) => {
    const found: Record<string, string> = {};
    for (const change of changesOf(zone, Date.UTC(2026, 0, 1), Date.UTC(2027, 0, 1))) {
      const clock = walk(zone, change);
      for (const expression of EXPRESSIONS.slice(1)) {
        const [row] = await queue.rows(
          `SELECT coalesce(array_agg((extract(epoch FROM t) * 1000)::float8 ORDER BY t), '{}') AS ticks
             FROM jobs_cron_ticks($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), 100000) t
            WHERE t < to_timestamp($4::float8 / 1000)`,
          [expression, zone, clock.from, clock.to],
        );
        const difference = differenceOf(clock, row?.["ticks"] as number[], cronerTicks(expression, clock));
        if (difference !== undefined) found[expression] = difference;
      }
    }
    expect(found).toEqual(ZONES[zone]);
  },
);
