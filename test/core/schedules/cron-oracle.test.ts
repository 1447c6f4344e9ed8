import { expect, test } from "vitest";

import { EXPRESSIONS, changesOf, offsetAt, oracleTicks, walk } from "../../support/cron-oracle.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

/** An hour put forward and back, half an hour, one at midnight, one far east, one south, and one that has none. */
const ZONES = [
  "Europe/Berlin",
  "America/New_York",
  "Australia/Lord_Howe",
  "America/Havana",
  "Pacific/Chatham",
  "Asia/Seoul",
];
const FROM = Date.UTC(2026, 0, 1);
const TO = Date.UTC(2027, 0, 1);

test.for(ZONES)(
  "ticks of %s around its clock's changes are those of a walk over every real minute",
  async (zone) => {
    const changes = changesOf(zone, FROM, TO);
    expect(changes).toHaveLength(zone === "Asia/Seoul" ? 0 : 2);
    for (const change of changes.length > 0 ? changes : [FROM + 90 * 86_400_000]) {
      const clock = walk(zone, change);
      const [same] = await queue.rows(
        "SELECT extract(epoch FROM to_timestamp($1::float8 / 1000) AT TIME ZONE $2 AT TIME ZONE 'UTC')::float8 * 1000 AS wall",
        [change, zone],
      );
      expect(same?.["wall"]).toBe(change + offsetAt(zone, change));
      for (const expression of EXPRESSIONS) {
        const rows = await queue.rows(
          `SELECT array_agg((extract(epoch FROM t) * 1000)::float8 ORDER BY t) AS ticks
           FROM jobs_cron_ticks($1, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), 100000) t
          WHERE t < to_timestamp($4::float8 / 1000)`,
          [expression, zone, clock.from, clock.to],
        );
        expect({ expression, ticks: rows[0]?.["ticks"] ?? [] }).toEqual({
          expression,
          ticks: oracleTicks(expression, clock),
        });
      }
    }
  },
);

test.for([
  ["*/30 0 1 7 *", 2, ["2026-07-01T00:00:00Z", "2026-07-01T00:30:00Z"]],
  ["0 12 L * *", 3, ["2026-01-31T12:00:00Z", "2026-02-28T12:00:00Z", "2026-03-31T12:00:00Z"]],
  ["0 0 29 2 *", 1, ["2028-02-29T00:00:00Z"]],
  ["0 9 13 * FRI", 2, ["2026-01-02T09:00:00Z", "2026-01-09T09:00:00Z"]],
  ["15,45 8-9 * JAN MON-WED", 3, ["2026-01-05T08:15:00Z", "2026-01-05T08:45:00Z", "2026-01-05T09:15:00Z"]],
  ["*/20 59 23 31 12 ?", 3, ["2026-12-31T23:59:00Z", "2026-12-31T23:59:20Z", "2026-12-31T23:59:40Z"]],
  ["0 0 * * 7", 1, ["2026-01-04T00:00:00Z"]],
  ["@weekly", 1, ["2026-01-04T00:00:00Z"]],
  ["@monthly", 1, ["2026-02-01T00:00:00Z"]],
  ["@Yearly", 1, ["2027-01-01T00:00:00Z"]],
] as const)("%s ticks when cron's manual says", async ([expression, count, ticks]) => {
  const rows = await queue.rows(
    `SELECT to_char(t AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"') AS tick
       FROM jobs_cron_ticks($1, 'UTC', '2026-01-01T00:00:00Z', 'infinity', $2) t ORDER BY t`,
    [expression, count],
  );
  expect(rows.map(({ tick }) => tick)).toEqual(ticks);
});

test("the latest tick before a moment is the last of all before it", async () => {
  for (const expression of ["*/7 * * * * *", "*/5 * * * *", "30 2 * * *", "0 0 1 * *"]) {
    const [row] = await queue.rows(
      `SELECT (SELECT max(t) FROM jobs_cron_ticks($1, 'Europe/Berlin', $2, $3, 1000000) t) =
              (SELECT t FROM jobs_cron_ticks($1, 'Europe/Berlin', $2, $3, 1, true) t) AS same`,
      [expression, "2026-10-24T00:00:00Z", "2026-11-03T00:30:30Z"],
    );
    expect([expression, row]).toEqual([expression, { same: true }]);
  }
});
