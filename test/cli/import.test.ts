import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

import { expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { cli } from "./run-cli.ts";
import { imported } from "./schemas.ts";

const fixture = (name: string): string =>
  readFileSync(fileURLToPath(new URL(`fixtures/${name}.sql`, import.meta.url)), "utf8");
const peers = fileURLToPath(new URL("../../bench/node_modules/", import.meta.url));

/** A queue of ours in a schema of its own, beside tables of another's. */
async function beside(sql: string): Promise<TableDatabase & { env: Record<string, string> }> {
  const database = await tableDatabase();
  await database.pool.query(sql);
  await database.migrate({ schema: "public" });
  return Object.assign(database, { env: { PQRUN_DATABASE_URL: database.url } });
}

const jobsOf = (database: TableDatabase) =>
  database.rows(
    `SELECT job_type AS type, payload, priority, max_attempts AS tries, timeout_seconds AS timeout, dedupe_key AS key,
            run_after > now() + interval '30 min' AS later FROM jobs ORDER BY id`,
  );

test("import pg-boss moves what waits in one statement, and says what stays and what doesn't carry over", async () => {
  await using database = await beside(fixture("pg-boss-12.38"));
  await database.rows(
    `INSERT INTO pgboss.job (name, data, state, priority, retry_limit, retry_count, singleton_key, blocked, start_after, created_on) VALUES
     ('mail', '{"to": "a"}', 'created', 3, 2, 0, NULL, false, now() - interval '5 min', now()),
     ('mail', '[1]', 'retry', 0, 2, 2, 'k', false, now() - interval '4 min', now()),
     ('mail', NULL, 'created', 0, 0, 0, 'k', false, now() + interval '1 hour', now()),
     ('mail', '{}', 'active', 0, 2, 0, NULL, false, now(), now()),
     ('mail', '{}', 'created', 0, 2, 0, NULL, true, now(), now()),
     ('mail', '{}', 'completed', 0, 2, 0, NULL, false, now(), now())`,
  );
  await database.rows("INSERT INTO pgboss.schedule (name, cron) VALUES ('mail', '* * * * *')");
  const dry = await cli(["import", "pg-boss", "--dry-run", "--json"], database.env);
  expect(dry.code).toBe(0);
  expect(imported.parse(JSON.parse(dry.stdout))).toMatchObject({ matched: 3, moved: 0, dryRun: true });
  expect((await cli(["import", "pg-boss"], database.env)).code).toBe(2);
  const { code, stdout, stderr } = await cli(["import", "pg-boss", "--yes"], database.env);
  expect({ code, stdout }).toEqual({ code: 0, stdout: "3 jobs moved\n" });
  expect(stderr).toContain("- 1 active jobs, which its workers finish stay there");
  expect(stderr).toContain("- 1 jobs that wait for others of their flow stay there");
  expect(stderr).toContain("- 1 schedules");
  expect(stderr).toMatch(/policies, throttling and groups don't carry over/);
  expect(await jobsOf(database)).toEqual([
    { type: "mail", payload: { to: "a" }, priority: 3, tries: 3, timeout: 900, key: null, later: false },
    {
      type: "mail",
      payload: { data: [1] },
      priority: 0,
      tries: 1,
      timeout: 900,
      key: "mail:k",
      later: false,
    },
    { type: "mail", payload: {}, priority: 0, tries: 1, timeout: 900, key: null, later: true },
  ]);
  const left = await database.rows("SELECT state::text, blocked FROM pgboss.job ORDER BY state::text DESC");
  expect(left).toEqual([
    { state: "created", blocked: true },
    { state: "completed", blocked: false },
    { state: "active", blocked: false },
  ]);
});

test("import graphile-worker turns priorities, takes attempts off, and leaves a key to who has it here", async () => {
  await using database = await beside(fixture("graphile-worker-0.18"));
  await database.rows("INSERT INTO jobs (job_type, dedupe_key) VALUES ('mine', 'taken')");
  await database.rows("INSERT INTO graphile_worker._private_tasks (identifier) VALUES ('mail')");
  await database.rows(
    `INSERT INTO graphile_worker._private_jobs (task_id, payload, priority, attempts, key, locked_at, run_at) VALUES
     (1, '{"n": 12345678901234567890}', 5, 1, 'free', NULL, now() - interval '5 min'),
     (1, '[1]', -5, 0, 'taken', NULL, now() - interval '4 min'), (1, 'null', 0, 25, NULL, NULL, now()), (1, '{}', 0, 1, NULL, now(), now())`,
  );
  const { code, stdout, stderr } = await cli(["import", "graphile-worker", "--yes", "--json"], database.env);
  expect(code).toBe(0);
  const report = imported.parse(JSON.parse(stdout));
  expect(report).toMatchObject({ matched: 2, moved: 2 });
  expect(report.left).toEqual(expect.arrayContaining([expect.stringMatching(/^1 running jobs/)]));
  expect(stderr).toContain("crontabs don't carry over");
  expect((await jobsOf(database)).slice(1)).toEqual([
    expect.objectContaining({ type: "mail", priority: -5, tries: 24, key: "free", timeout: null }),
    expect.objectContaining({ payload: { payload: [1] }, priority: 5, tries: 25, key: null }),
  ]);
  const [exact] = await database.rows("SELECT payload::text FROM jobs WHERE dedupe_key = 'free'");
  expect(exact).toEqual({ payload: '{"n": 12345678901234567890}' });
});

test("an import that fails moves nothing", async () => {
  await using database = await beside(fixture("pg-boss-12.38"));
  await database.rows("INSERT INTO pgboss.job (name) VALUES ('mail')");
  await database.rows("ALTER TABLE jobs ADD CONSTRAINT never CHECK (job_type <> 'mail')");
  expect((await cli(["import", "pg-boss", "--yes"], database.env)).code).toBe(1);
  expect(await database.rows("SELECT count(*)::int AS n FROM pgboss.job")).toEqual([{ n: 1 }]);
  expect(await jobsOf(database)).toEqual([]);
});

test("another queue that isn't there ends in 1, one that isn't known in 2", async () => {
  await using database = await beside("SELECT 1");
  expect((await cli(["import", "pg-boss", "--yes"], database.env)).code).toBe(1);
  const { code, stderr } = await cli(["import", "pgboss"], database.env);
  expect({ code, stderr }).toMatchObject({
    code: 2,
    stderr: expect.stringContaining("did you mean pg-boss?") as string,
  });
});

interface PgBossModule {
  PgBoss: new (url: string) => {
    on(event: string, listener: () => void): void;
    start(): Promise<unknown>;
    stop(options: object): Promise<unknown>;
    createQueue(name: string): Promise<unknown>;
    send(name: string, data: object, options?: object): Promise<unknown>;
  };
}
interface GraphileModule {
  makeWorkerUtils(options: object): Promise<{
    migrate(): Promise<void>;
    addJob(task: string, payload: object, options: object): Promise<unknown>;
    release(): Promise<void>;
  }>;
}

test.skipIf(!existsSync(peers))(
  "with the packages themselves, where the benchmark has installed them",
  async () => {
    await using database = await beside("SELECT 1");
    const { PgBoss } = (await import(pathToFileURL(`${peers}pg-boss/dist/index.js`).href)) as PgBossModule;
    const boss = new PgBoss(database.url);
    boss.on("error", () => undefined);
    await boss.start();
    await boss.createQueue("mail");
    await boss.send("mail", { to: "a" }, { singletonKey: "k", retryLimit: 4 });
    await boss.stop({ graceful: false });
    const graphile = (await import(
      pathToFileURL(`${peers}graphile-worker/dist/index.js`).href
    )) as GraphileModule;
    const utils = await graphile.makeWorkerUtils({ connectionString: database.url });
    await utils.migrate();
    await utils.addJob("crawl", { url: "u" }, { jobKey: "c", maxAttempts: 3, priority: 2 });
    await utils.release();
    for (const source of ["pg-boss", "graphile-worker"]) {
      expect((await cli(["import", source, "--yes"], database.env)).stdout).toBe("1 jobs moved\n");
    }
    expect(await jobsOf(database)).toMatchObject([
      { type: "mail", payload: { to: "a" }, tries: 5, key: "mail:k" },
      { type: "crawl", payload: { url: "u" }, tries: 3, key: "c", priority: -2 },
    ]);
  },
);
