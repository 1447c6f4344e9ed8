import { cpSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeEach, expect, test } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { freePort } from "../../support/server-process.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { program } from "../program.ts";
import { doneOver, runExample, said, startExample, type ExampleProcess } from "./example-process.ts";

/** A folder outside of this repository, where `deno task` would take npm's package deno for a command of Node's. */
const folder = mkdtempSync(join(realpathSync(tmpdir()), "pqrun-deno-"));
cpSync(`${PROJECT}examples/deno`, folder, { recursive: true });
mkdirSync(`${folder}/node_modules`);
symlinkSync(`${PROJECT}node_modules/pqrun`, `${folder}/node_modules/pqrun`);
const drivers = fileURLToPath(new URL("../../../node_modules/", import.meta.url));
symlinkSync(`${drivers}postgres`, `${folder}/node_modules/postgres`);

const database = await tableDatabase();
const env = { DATABASE_URL: database.url };
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

const command = (task: string): [string, ...string[]] => [program("deno"), "task", task];
/** Deno's own variable for tests: its cron fires so many milliseconds later, and not at the next full minute. */
const soon = { DENO_CRON_TEST_SCHEDULE_OFFSET: "500" };

await runExample(folder, command("migrate"), env);
beforeEach(() => database.rows("TRUNCATE jobs RESTART IDENTITY"));

async function start(task: "loop" | "cron"): Promise<{ server: ExampleProcess; origin: string }> {
  const port = await freePort();
  const server = startExample(folder, command(task), { ...env, ...soon, PORT: String(port) });
  return { server, origin: `http://127.0.0.1:${port}` };
}

const post = (origin: string, body: string): Promise<Response> =>
  fetch(`${origin}/tables`, { method: "POST", body });

for (const task of ["loop", "cron"] as const) {
  test(`deno task ${task}: what is posted is profiled, and SIGTERM ends it cleanly`, async () => {
    const started = await start(task);
    await using server = started.server;
    await said(server, "Listening on");
    const posted = await post(
      started.origin,
      'name,"size, in cm"\r\nbee,1.5\r\n"a ""wasp""",2.5\r\nhornet,\r\n',
    );
    expect(posted.status, server.output()).toBe(202);
    const { id } = (await posted.json()) as { id: string };
    expect(await doneOver(started.origin, id)).toEqual({
      ...{ id, type: "profile", status: "DONE", attempts: 1 },
      result: {
        rows: 3,
        columns: [
          { name: "name", filled: 3, numbers: null },
          { name: "size, in cm", filled: 2, numbers: { min: 1.5, max: 2.5, mean: 2 } },
        ],
      },
    });
    expect((await post(started.origin, " ")).status).toBe(400);
    await database.rows("UPDATE jobs_schedules SET next_tick = now() - interval '1 hour'");
    const ticked = "SELECT status::text FROM jobs WHERE schedule = 'weekly check'";
    await expect.poll(() => database.rows(ticked), { timeout: 90_000 }).toEqual([{ status: "DONE" }]);
    expect(await server.terminate(), server.output()).toBe(0);
  });

  test(`deno task ${task}: SIGTERM in the middle of a backlog spends no attempt in vain`, async () => {
    await database.rows(
      `INSERT INTO jobs (job_type, payload)
       SELECT 'profile', jsonb_build_object('csv', 'n' || chr(10) || n) FROM generate_series(1, 20000) AS n`,
    );
    const { server: running } = await start(task);
    await using server = running;
    const done = (): Promise<unknown> => database.rows("SELECT id FROM jobs WHERE status = 'DONE' LIMIT 1");
    await expect.poll(done, { timeout: 45_000 }).toHaveLength(1);
    expect(await server.terminate(), server.output()).toBe(0);
    const rows = await database.rows(
      "SELECT status::text, attempts, count(*)::int AS n FROM jobs GROUP BY 1, 2 ORDER BY 1",
    );
    expect(rows).toMatchObject([
      { status: "DONE", attempts: 1 },
      { status: "READY", attempts: 0 },
    ]);
  });
}

test("what is no table FAILED at its first attempt", async () => {
  const { server: running, origin } = await start("loop");
  await using server = running;
  await said(server, "Listening on");
  const { id } = (await (await post(origin, 'a,"b\n')).json()) as { id: string };
  const body = async (): Promise<unknown> => (await fetch(`${origin}/jobs/${id}`)).json();
  await expect.poll(body, { timeout: 45_000 }).toMatchObject({ status: "FAILED", attempts: 1, result: null });
});
