// node scripts/step-costs.ts [majors…]: what remembering the steps of one job writes: 1,000 steps of 1 kB, as rows of a table
// beside the jobs, and as one value in the job's row that is written whole with each. Bytes of WAL after a checkpoint, so
// with the images of pages, the time of a step, and the bytes that are dead when the job is done.
import { Client } from "pg";

import { pgExecutor } from "../src/adapters/pg/pg.ts";
import { rememberStep } from "../src/core/operations/remember-step.ts";
import { PgJobStore } from "../src/core/store.ts";
import { migrate } from "../src/migrate/migrate.ts";
import { startEmbeddedPostgres } from "../test/support/postgres-embedded.ts";
import { binariesOf } from "../test/support/postgres-releases.ts";

const STEPS = 1_000;
const BYTES = 1_024;
const given = process.argv.slice(2);

for (const major of given.length > 0 ? given : ["13", "18"]) {
  const server = await startEmbeddedPostgres(await binariesOf(major));
  try {
    await measure(server.url, major);
  } finally {
    await server.stop();
  }
}

async function measure(url: string, major: string): Promise<void> {
  const client = new Client({ connectionString: url });
  await client.connect();
  const executor = pgExecutor(client);
  await migrate(executor);
  await client.query(
    "CREATE TABLE whole (id bigint PRIMARY KEY, lease timestamptz, steps jsonb) WITH (fillfactor = 80)",
  );
  await client.query("INSERT INTO whole VALUES (1, now(), '{}')");
  const store = new PgJobStore(executor, { logger: false });
  await store.enqueue("crawl", { from: "page 0" });
  const [job] = await store.pickup({ types: ["crawl"], limit: 1, workerId: "costs", leaseMs: 600_000 });
  if (job === undefined) throw new Error("nothing was picked up");
  const say = (what: string, { walBytes, ms }: Cost): void => {
    const times = (walBytes / (STEPS * BYTES)).toFixed(1);
    console.log(
      `PostgreSQL ${major}: ${what}: ${(walBytes / 1_048_576).toFixed(1)} MiB of WAL, ${times} times what the steps hold; ${(ms / STEPS).toFixed(2)} ms a step`,
    );
  };
  say(
    "rows of a table",
    await cost(client, (name, text) =>
      rememberStep(store, job, { name, valueText: text, durationMs: 1 }, 30_000),
    ),
  );
  say(
    "one value in the row",
    await cost(client, (name, text) =>
      client.query(
        "UPDATE whole SET lease = now(), steps = steps || jsonb_build_object($1::text, $2::text::jsonb) WHERE id = 1",
        [name, text],
      ),
    ),
  );
  const { rows } = await client.query<Record<string, string>>(
    `SELECT pg_size_pretty(pg_total_relation_size('jobs_steps')) AS steps, pg_size_pretty(pg_relation_size('jobs')) AS jobs,
            pg_size_pretty(pg_total_relation_size('whole')) AS whole`,
  );
  console.log(`PostgreSQL ${major}: on disk afterwards: ${JSON.stringify(rows[0])}`);
  await client.end();
}

interface Cost {
  readonly walBytes: number;
  readonly ms: number;
}

async function cost(
  client: Client,
  remember: (name: string, text: string) => Promise<unknown>,
): Promise<Cost> {
  await client.query("CHECKPOINT");
  const at = async (): Promise<number> =>
    Number((await client.query<{ at: string }>("SELECT pg_current_wal_lsn() - '0/0' AS at")).rows[0]?.at);
  const before = await at();
  const begun = performance.now();
  for (let n = 0; n < STEPS; n += 1) await remember(`page ${n}`, JSON.stringify(noise(BYTES - 2)));
  const ms = performance.now() - begun;
  return { walBytes: (await at()) - before, ms };
}

/** Text that does not compress. */
function noise(length: number): string {
  let text = "";
  while (text.length < length) text += Math.random().toString(36).slice(2);
  return text.slice(0, length);
}
