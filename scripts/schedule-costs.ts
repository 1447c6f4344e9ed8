// node scripts/schedule-costs.ts [majors…]: what schedules cost the server, prepared and not: an idle whole turn of a table
// without schedules and with 10,000 of which none is due, the same before the table had any, a tick that finds nothing, and
// one thousand that are due at once. CPU of the server's process and time, both medians of a turn.
import { readFileSync } from "node:fs";

import { Client } from "pg";

import { pgExecutor } from "../src/adapters/pg/pg.ts";
import { PgJobStore } from "../src/core/store.ts";
import type { SqlExecutor } from "../src/core/executor.ts";
import { tableNames } from "../src/core/sql/table-names.ts";
import { turnText } from "../src/core/turn/turn-text.ts";
import { migrate } from "../src/migrate/migrate.ts";
import { startEmbeddedPostgres } from "../test/support/postgres-embedded.ts";
import { binariesOf } from "../test/support/postgres-releases.ts";

const ROUNDS = 300;
const TICKS_MS = 10;
const given = process.argv.slice(2);
const withTick = turnText(tableNames()).text;
const withoutTick = turnText(tableNames(), { schedules: false }).text;

for (const major of given.length > 0 ? given : ["13", "18"]) {
  const server = await startEmbeddedPostgres(await binariesOf(major));
  try {
    for (const prepare of [true, false]) await measure(server.url, major, prepare);
  } finally {
    await server.stop();
  }
}

async function measure(url: string, major: string, prepare: boolean): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const pid = rows[0]?.pid ?? 0;
  const executor = pgExecutor(client, { prepare });
  await migrate(executor);
  await client.query("TRUNCATE jobs, jobs_schedules");
  const unasked: SqlExecutor = {
    ...executor,
    query: (text, params, options) => executor.query(text === withTick ? withoutTick : text, params, options),
  };
  const store = new PgJobStore(executor, { logger: false });
  const before = new PgJobStore(unasked, { logger: false });
  const idle = (of: PgJobStore): Promise<unknown> =>
    of.turn({
      pickUp: { types: ["a"], slots: 10, lockedBy: "w:n", leaseMs: 30_000 },
      reap: { defaultTimeoutSeconds: 1_200 },
    });
  const say = (what: string, { ms, cpuMs }: Cost): void => {
    console.log(
      `PostgreSQL ${major}, ${prepare ? "prepared" : "not prepared"}: ${what}: ${ms.toFixed(2)} ms, CPU ${cpuMs.toFixed(2)} ms`,
    );
  };
  const pairs = async (what: string): Promise<void> => {
    const [asks, does] = await inTurns(pid, [() => idle(before), () => idle(store)]);
    if (asks === undefined || does === undefined) return;
    say(`idle turn that does not ask for ticks, ${what}`, asks);
    say(`idle turn, ${what}`, does);
  };
  await pairs("no schedules");
  await client.query(`INSERT INTO jobs_schedules (name, job_type, cron)
    SELECT 's' || n, 'a', (n % 60) || ' 0 1 ' || (extract(month FROM now() + interval '6 months')::int) || ' *'
      FROM generate_series(1, 10000) n`);
  await client.query("VACUUM ANALYZE jobs_schedules");
  await pairs("10,000 schedules");
  const [nothing] = await inTurns(pid, [() => store.tick()]);
  if (nothing !== undefined) say("tick that finds nothing due, of 10,000", nothing);
  await client.query(`UPDATE jobs_schedules SET next_tick = date_trunc('minute', now()) - interval '1 minute'
    WHERE name IN (SELECT name FROM jobs_schedules LIMIT 1000)`);
  const [cpu, start] = [cpuOf(pid), performance.now()];
  let ticks = 0;
  for (let more = await store.tick(); more.length > 0; more = await store.tick()) ticks += more.length;
  say(`${ticks} schedules due at once, all of them`, {
    ms: performance.now() - start,
    cpuMs: cpuOf(pid) - cpu,
  });
  await client.end();
}

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
}

/** Each in its turn, so that neighbours slow all of them. */
async function inTurns(pid: number, works: readonly (() => Promise<unknown>)[]): Promise<readonly Cost[]> {
  const times = works.map((): number[] => []);
  const cpu = works.map(() => 0);
  for (let bout = 0; bout < 10; bout += 1) {
    for (const [index, work] of works.entries()) {
      const before = cpuOf(pid);
      for (let round = 0; round < ROUNDS / 10; round += 1) {
        const start = performance.now();
        await work();
        times[index]?.push(performance.now() - start);
      }
      cpu[index] = (cpu[index] ?? 0) + cpuOf(pid) - before;
    }
  }
  return times.map((list, index) => ({
    ms: list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0,
    cpuMs: (cpu[index] ?? 0) / ROUNDS,
  }));
}

/** What the server's process has used, in milliseconds. */
function cpuOf(pid: number): number {
  const [, after = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = after.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICKS_MS;
}
