import fc from "fast-check";
import { expect, test } from "vitest";

import { checkCron, checkTimeZone } from "../../../src/core/schedules/cron.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();

const value = fc.oneof(
  fc.integer({ min: 0, max: 61 }).map(String),
  fc.constantFrom("MON", "fri", "SUN", "JAN", "dec", "XYZ", "UNM", "L", "", "00", "007"),
);
const item = fc.oneof(
  fc.constantFrom("*", "?", "*/2", "*/0", "?/15", "*-3"),
  value,
  fc.tuple(value, value).map((pair) => pair.join("-")),
  fc.tuple(value, value, value).map(([a, b, c]) => `${a}-${b}/${c}`),
  fc.tuple(value, value).map((pair) => pair.join("/")),
);
const field = fc.oneof(
  { weight: 3, arbitrary: fc.constant("*") },
  fc.array(item, { minLength: 1, maxLength: 3 }).map((items) => items.join(",")),
);
const expression = fc.oneof(
  fc.array(field, { minLength: 4, maxLength: 7 }).map((fields) => fields.join(" ")),
  fc.constantFrom("@daily", "@DAILY", " @hourly ", "@reboot", "", "  "),
);

test("what is refused before it is sent is what the database refuses, whatever the expression", async () => {
  const expressions = fc.sample(expression, { numRuns: 1_500, seed: 16 });
  await queue.rows(`CREATE OR REPLACE FUNCTION takes(cron text, zone text) RETURNS boolean LANGUAGE plpgsql AS $$
    BEGIN PERFORM jobs_cron_ticks(cron, zone, '2026-01-01', '2026-01-01 00:01'); RETURN true;
    EXCEPTION WHEN invalid_parameter_value THEN RETURN false; END $$`);
  const rows = await queue.rows(
    "SELECT takes(e, 'UTC') AS takes FROM unnest($1::text[]) WITH ORDINALITY t (e, n) ORDER BY n",
    [expressions],
  );
  const taken = expressions.map((cron) => {
    try {
      checkCron("cron", cron);
      return true;
    } catch {
      return false;
    }
  });
  expect(taken.map((takes, n) => [expressions[n], takes])).toEqual(
    rows.map(({ takes }, n) => [expressions[n], takes]),
  );
  expect(taken.filter(Boolean).length).toBeGreaterThan(100);
});

test.for(["CET", "UTC+3", "<+03>-3", "europe/berlin", "EST5EDT", "", "Europe/", "Z"])(
  "%s is no zone's name, here and there",
  async (zone) => {
    expect(() => {
      checkTimeZone("zone", zone);
    }).toThrow(/zone: expected a time zone's name/);
    await expect(queue.rows("SELECT jobs_cron_ticks('* * * * *', $1, now())", [zone])).rejects.toMatchObject({
      code: "22023",
    });
  },
);

test("every name of the IANA database's that has a slash, and UTC, are", async () => {
  const rows = await queue.rows(
    "SELECT name FROM pg_timezone_names WHERE name ~ '/' AND name !~ '^(posix|right|SystemV)' OR name IN ('UTC', 'GMT')",
  );
  for (const { name } of rows) checkTimeZone("zone", name);
  expect(rows.length).toBeGreaterThan(300);
});
