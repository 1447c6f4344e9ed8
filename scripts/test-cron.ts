// npm run test:cron [-- --from 2024 --to 2030 --zones Europe/ --croner false]: the ticks of ten expressions around every
// change of every zone's clock, beside a walk over each real minute, on a PostgreSQL of its own. Where the server's time
// zone data and the runtime's differ there is nothing to compare; such zones are named. croner is asked for a second
// opinion, and each difference from it must have one of three reasons.
import { parseArgs } from "node:util";

import { pgExecutor } from "../src/adapters/pg/pg.ts";
import { migrate } from "../src/migrate/migrate.ts";
import { EXPRESSIONS, changesOf, oracleTicks, walk, type ClockWalk } from "../test/support/cron-oracle.ts";
import { DIFFERENCES, cronerTicks, differenceOf } from "../test/support/cron-second-opinion.ts";
import { provisionPostgres } from "../test/support/postgres-provision.ts";
import { withClient } from "../test/support/postgres.ts";

const { values } = parseArgs({
  options: {
    from: { type: "string", default: "2024" },
    to: { type: "string", default: "2030" },
    zones: { type: "string", default: "" },
    croner: { type: "string", default: "true" },
  },
});
const [from, to] = [Date.UTC(Number(values.from), 0, 1), Date.UTC(Number(values.to) + 1, 0, 1)];
const table = { schema: "pqrun_test_cron" };

const WALLS = `SELECT array_agg((extract(epoch FROM q AT TIME ZONE $1 AT TIME ZONE 'UTC') / 60)::int ORDER BY q) AS walls
  FROM generate_series(to_timestamp($2::float8 / 1000), to_timestamp($3::float8 / 1000) - interval '1 minute', interval '15 minutes') q`;
const TICKS = `SELECT e AS expression, coalesce(array_agg((extract(epoch FROM t) * 1000)::float8 ORDER BY t)
         FILTER (WHERE t < to_timestamp($4::float8 / 1000)), '{}') AS ticks
  FROM unnest($1::text[]) e
  LEFT JOIN LATERAL pqrun_test_cron.jobs_cron_ticks(e, $2, to_timestamp($3::float8 / 1000), to_timestamp($4::float8 / 1000), 100000) t ON true
 GROUP BY e`;

const server = await provisionPostgres();
console.log(`PostgreSQL ${server.version}: ${server.origin}`);
const count = { changes: 0, cases: 0, ticks: 0, different: 0 };
const unlike = new Set<string>();
const croner = { cases: 0, unexplained: 0, reasons: new Map<string, number>() };
try {
  await withClient(server.url, async (client) => {
    await migrate(pgExecutor(client), table);
    const { rows: known } = await client.query<{ name: string }>("SELECT name FROM pg_timezone_names");
    const names = new Set(known.map(({ name }) => name));
    const zones = Intl.supportedValuesOf("timeZone").filter(
      (zone) => names.has(zone) && zone.startsWith(values.zones),
    );
    for (const zone of zones) {
      for (const change of changesOf(zone, from, to)) await compare(zone, walk(zone, change));
    }
    console.log(`${zones.length} zones`);

    async function compare(zone: string, clock: ClockWalk): Promise<void> {
      const { rows: shown } = await client.query<{ walls: number[] }>(WALLS, [zone, clock.from, clock.to]);
      if (shown[0]?.walls.some((wall, quarter) => wall !== clock.walls[quarter * 15])) {
        unlike.add(zone);
        return;
      }
      count.changes += 1;
      const { rows } = await client.query<{ expression: string; ticks: number[] }>(TICKS, [
        [...EXPRESSIONS],
        zone,
        clock.from,
        clock.to,
      ]);
      for (const { expression, ticks } of rows) {
        const wanted = oracleTicks(expression, clock);
        count.cases += 1;
        count.ticks += ticks.length;
        askCroner(expression, clock, ticks);
        if (JSON.stringify(ticks) === JSON.stringify(wanted)) continue;
        count.different += 1;
        console.error(
          `${expression} in ${zone} around ${new Date((clock.from + clock.to) / 2).toISOString()}:`,
        );
        console.error(`  only here: ${dates(ticks.filter((tick) => !wanted.includes(tick)))}`);
        console.error(`  missing:   ${dates(wanted.filter((tick) => !ticks.includes(tick)))}`);
      }
    }
    await client.query("DROP SCHEMA pqrun_test_cron CASCADE");
  });
} finally {
  await server.stop();
}
for (const [reason, cases] of croner.reasons)
  console.log(`croner, ${reason}: ${cases} of ${croner.cases} cases`);
console.log(
  `${count.changes} changes, ${count.cases} cases, ${count.ticks} ticks, ${count.different} different`,
);
if (unlike.size > 0) console.log(`time zone data differ: ${[...unlike].join(", ")}`);
if (count.different + croner.unexplained > 0 || count.cases === 0) process.exitCode = 1;

function askCroner(expression: string, clock: ClockWalk, ticks: readonly number[]): void {
  // It takes 40 µs a tick, and of the expression that ticks each minute there is nothing to learn that the next one hides.
  if (values.croner !== "true" || expression === EXPRESSIONS[0]) return;
  croner.cases += 1;
  const difference = differenceOf(clock, ticks, cronerTicks(expression, clock));
  if (difference === undefined) return;
  const reason = difference === "unexplained" ? difference : DIFFERENCES[difference];
  croner.reasons.set(reason, (croner.reasons.get(reason) ?? 0) + 1);
  if (difference !== "unexplained") return;
  croner.unexplained += 1;
  console.error(`croner: ${expression} in ${clock.zone} around ${new Date(clock.from).toISOString()}`);
}

function dates(ticks: readonly number[]): string {
  return ticks.map((tick) => new Date(tick).toISOString()).join(" ") || "-";
}
