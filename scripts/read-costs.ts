// node scripts/read-costs.ts [majors…]: what each page of the dashboard, and each read that it is made of, costs the server on
// a table of a million rows. The statements are those that the pages send. Milliseconds by EXPLAIN ANALYZE and by the server's
// CPU, planning included, the median of seven; and the pages of the table and its indexes that were looked at.
import { readFileSync } from "node:fs";

import { Client } from "pg";

import { pgExecutor } from "../src/adapters/pg/pg.ts";
import { PgJobStore } from "../src/core/store.ts";
import type { SqlExecutor, SqlStatement } from "../src/core/executor.ts";
import { dashboard } from "../src/dashboard/dashboard.ts";
import { migrate } from "../src/migrate/migrate.ts";
import { startEmbeddedPostgres } from "../test/support/postgres-embedded.ts";
import { binariesOf } from "../test/support/postgres-releases.ts";

const ROWS = 1_000_000;
const ROUNDS = 7;
/** What a page may take of the database's time. */
const MOST_MS = 100;
const TICKS_MS = 10;

/** A queue that keeps up: a million finished, one in 500 of them FAILED, 1,000 waiting, 50 running; twelve a second. */
const KEEPS_UP = `
INSERT INTO jobs (job_type, status, run_after, attempts, finished_at, duration_ms, created_at, updated_at, dedupe_key, payload,
                  last_error, locked_at, locked_by, lease_holder, lease_expires_at)
SELECT 't' || n % 20, s.status::job_status, s.at, CASE s.status WHEN 'READY' THEN 0 ELSE 1 END,
       CASE WHEN s.status IN ('DONE', 'FAILED') THEN s.at + interval '1 s' END, 100 + n % 400, s.at, s.at + interval '1 s', 'k' || n,
       jsonb_build_object('n', n, 'text', repeat('x', 200)),
       CASE s.status WHEN 'FAILED' THEN 'Error ' || n % 7 || E': no\\n    at work' END,
       CASE s.status WHEN 'RUNNING' THEN now() END, CASE s.status WHEN 'RUNNING' THEN 'w' || n % 5 END,
       CASE s.status WHEN 'RUNNING' THEN 'w' || n % 5 END, CASE s.status WHEN 'RUNNING' THEN now() + interval '1 day' END
  FROM generate_series(1, $1) n,
       LATERAL (SELECT now() - ($1 - n) * interval '0.08 s' AS at,
                       CASE WHEN n > $1 - 1000 THEN 'READY' WHEN n > $1 - 1050 THEN 'RUNNING' WHEN n % 500 = 0 THEN 'FAILED' ELSE 'DONE' END AS status) s`;

/** One that does not: 400,000 of a million wait, of which 100 run now, 100,000 have failed. */
const LAGS = `
INSERT INTO jobs (job_type, status, run_after, priority, attempts, finished_at, duration_ms, created_at, updated_at, dedupe_key, payload, last_error)
SELECT 't' || n % 20, s.status::job_status, s.at, CASE WHEN n % 10 = 3 THEN n % 3 ELSE 0 END, CASE s.status WHEN 'READY' THEN 0 ELSE 1 END,
       CASE WHEN s.status IN ('DONE', 'FAILED') THEN now() - (600000 - n) * interval '0.08 s' END, 100 + n % 400, s.at, s.at, 'k' || n,
       jsonb_build_object('n', n, 'text', repeat('x', 200)),
       CASE s.status WHEN 'FAILED' THEN 'Error ' || n % 7 || E': no\\n    at work' END
  FROM generate_series(1, $1) n,
       LATERAL (SELECT now() - interval '1 day' - ($1 - n) * interval '0.08 s' AS at,
                       CASE WHEN n > 600100 THEN 'READY' WHEN n > 600000 THEN 'RUNNING' WHEN n % 6 = 0 THEN 'FAILED' ELSE 'DONE' END AS status) s`;

const PAGES: Readonly<Record<string, string>> = {
  overview: "/",
  jobs: "/jobs",
  "jobs, older ones": "/jobs?before=500000",
  "jobs DONE of a type": "/jobs?status=DONE&type=t3",
  "jobs of a type that has none": "/jobs?type=none",
  "jobs READY": "/jobs?status=READY",
  "jobs RUNNING": "/jobs?status=RUNNING",
  "jobs FAILED": "/jobs?status=FAILED",
  "jobs FAILED in the last hour": "/jobs?status=FAILED&since=1h",
  "jobs CANCELLED, of which there are none": "/jobs?status=CANCELLED",
  "jobs by key": "/jobs?key=k777",
  "jobs by id": "/jobs?id=777",
  "one job": "/jobs/777",
  failures: "/failures",
  workers: "/workers",
  schedules: "/schedules",
  "confirm a retry of all that failed": "/confirm?what=retry&status=FAILED",
};

const given = process.argv.slice(2);
for (const major of given.length > 0 ? given : ["13", "18"]) {
  const server = await startEmbeddedPostgres(await binariesOf(major));
  try {
    for (const [name, fill] of Object.entries({ "keeps up": KEEPS_UP, lags: LAGS }))
      await measure(server.url, major, name, fill);
  } finally {
    await server.stop();
  }
}

async function measure(url: string, major: string, queue: string, fill: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const { rows } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
  const pid = rows[0]?.pid ?? 0;
  const executor = pgExecutor(client);
  await migrate(executor);
  await client.query("TRUNCATE jobs RESTART IDENTITY");
  await client.query(fill, [ROWS]);
  await client.query("VACUUM ANALYZE jobs");
  let sent: SqlStatement[] = [];
  const noted: SqlExecutor = {
    ...executor,
    query: (text, params, options) => {
      sent.push({ text, params: (params ?? []) as SqlStatement["params"] });
      return executor.query(text, params, options);
    },
  };
  const app = dashboard({ store: new PgJobStore(noted, { logger: false }), authorize: () => "full" });
  console.log(`\nPostgreSQL ${major}, a queue that ${queue}\n${"page".padEnd(42)} ms  CPU ms  buffers`);
  for (const [name, path] of Object.entries(PAGES)) {
    sent = [];
    const response = await app.request(`http://localhost${path}`);
    if (response.status !== 200) throw new Error(`${path}: ${await response.text()}`);
    const cost = { ms: 0, cpuMs: 0, buffers: 0 };
    for (const statement of sent) {
      const one = await costOf(client, pid, statement);
      cost.ms += one.ms;
      cost.cpuMs += one.cpuMs;
      cost.buffers += one.buffers;
    }
    console.log(
      `${name.padEnd(40)} ${cost.ms.toFixed(1).padStart(5)} ${cost.cpuMs.toFixed(1).padStart(6)} ${String(cost.buffers).padStart(8)}${cost.cpuMs > MOST_MS ? "  TOO MUCH" : ""}`,
    );
    if (cost.cpuMs > MOST_MS) process.exitCode = 1;
  }
  await client.end();
}

interface Cost {
  readonly ms: number;
  readonly cpuMs: number;
  readonly buffers: number;
}

async function costOf(client: Client, pid: number, { text, params }: SqlStatement): Promise<Cost> {
  const times: number[] = [];
  let buffers = 0;
  const before = cpuOf(pid);
  for (let round = 0; round < ROUNDS; round += 1) {
    const { rows } = await client.query<{
      "QUERY PLAN": readonly {
        Plan: Record<string, number>;
        "Planning Time": number;
        "Execution Time": number;
      }[];
    }>(`EXPLAIN (ANALYZE, BUFFERS, TIMING OFF, FORMAT JSON) ${text}`, [...params]);
    const explained = rows[0]?.["QUERY PLAN"][0];
    if (explained === undefined) throw new Error("no plan");
    times.push(explained["Planning Time"] + explained["Execution Time"]);
    buffers = (explained.Plan["Shared Hit Blocks"] ?? 0) + (explained.Plan["Shared Read Blocks"] ?? 0);
  }
  times.sort((a, b) => a - b);
  return { ms: times[Math.floor(ROUNDS / 2)] ?? 0, cpuMs: (cpuOf(pid) - before) / ROUNDS, buffers };
}

/** What the server's process has used, in milliseconds. */
function cpuOf(pid: number): number {
  const [, after = ""] = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ");
  const fields = after.split(" ");
  return (Number(fields[11]) + Number(fields[12])) * TICKS_MS;
}
