import { chmodSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { afterAll, beforeEach, expect, test } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { neonStandIn } from "../../support/neon-stand-in.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { PATH_WITH_PROGRAMS, program } from "../program.ts";
import { freePort } from "../../support/server-process.ts";
import { doneOver, runExample, said, startExample } from "./example-process.ts";

const bun = program("bun");
const database = await tableDatabase();
const home = mkdtempSync(join(tmpdir(), "pqrun-bun-"));
const env = { DATABASE_URL: database.url, PATH: PATH_WITH_PROGRAMS };
afterAll(async () => {
  rmSync(home, { recursive: true });
  await database[Symbol.asyncDispose]();
});
await runExample("bun", [bun, "run", "migrate"], env);
beforeEach(() => database.rows("TRUNCATE jobs RESTART IDENTITY"));

const insertPages = (count: number): Promise<unknown> =>
  database.rows(
    `INSERT INTO jobs (job_type, payload)
     SELECT 'render', jsonb_build_object('markdown', '# Page ' || n) FROM generate_series(1, $1::int) AS n`,
    [count],
  );
const statuses = (): Promise<unknown> =>
  database.rows("SELECT status::text, count(*)::int AS n FROM jobs GROUP BY status");

test("bun run start, on an empty database: what is posted becomes a page, and SIGTERM ends it cleanly", async () => {
  await using empty = await tableDatabase();
  const port = await freePort();
  await using server = startExample("bun", [bun, "run", "start"], {
    ...env,
    DATABASE_URL: empty.url,
    PORT: String(port),
  });
  await said(server, "listening on");
  const origin = `http://127.0.0.1:${port}`;
  const body = "# Bees & flowers\n\nBees <b>carry</b> *pollen*.\n";
  const posted = await fetch(`${origin}/pages`, { method: "POST", body });
  expect(posted.status).toBe(202);
  const { id } = (await posted.json()) as { id: string };
  expect(await doneOver(origin, id)).toEqual({
    ...{ id, type: "render", status: "DONE", attempts: 1 },
    result: {
      title: "Bees & flowers",
      html: "<h1>Bees &amp; flowers</h1>\n<p>Bees &lt;b&gt;carry&lt;/b&gt; <em>pollen</em>.</p>\n",
    },
  });
  expect((await fetch(`${origin}/pages`, { method: "POST", body: " " })).status).toBe(400);
  expect((await fetch(`${origin}/jobs/999`)).status).toBe(404);
  // Its own schedule: the worker is woken, and ticks.
  await empty.rows(
    "UPDATE jobs_schedules SET next_tick = now() - interval '1 hour' WHERE declared_by = 'bun'",
  );
  const ticked = "SELECT status::text, result->>'title' AS title FROM jobs WHERE schedule = 'weekly check'";
  const check = [{ status: "DONE", title: "A queue that works renders this" }];
  await expect.poll(() => empty.rows(ticked), { timeout: 90_000 }).toEqual(check);
  expect(await server.terminate(), server.output()).toBe(0);
});

test("SIGTERM in the middle of a backlog leaves nothing RUNNING and no attempt spent in vain", async () => {
  await insertPages(20_000);
  await using server = startExample("bun", [bun, "run", "start"], { ...env, PORT: String(await freePort()) });
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

/** A stand-in for the crontab command: it keeps its table in a file. */
const CRONTAB = `#!/bin/sh
table="$(dirname "$0")/table"
case "$1" in
  -l) cat "$table" ;;
  *) cp "$1" "$table" ;;
esac
`;

/** What Bun has put into the crontab: the part that cron gives to sh. */
function crontabCommand(): string {
  const [line = ""] = /^\* \* \* \* \* .*$/m.exec(readFileSync(join(home, "table"), "utf8")) ?? [];
  return line.slice("* * * * * ".length);
}

test("without a loop: the API enqueues, and the line that Bun puts into the crontab drains", async () => {
  writeFileSync(join(home, "crontab"), CRONTAB);
  chmodSync(join(home, "crontab"), 0o755);
  const path = { PATH: `${home}:${PATH_WITH_PROGRAMS}` };
  await runExample("bun", [bun, "run", "cron:on"], path);
  const command = crontabCommand();
  expect(command).toContain(`${PROJECT}examples/bun/cron.ts`);

  const port = await freePort();
  await using api = startExample("bun", [bun, "run", "api"], { ...env, PORT: String(port) });
  await said(api, `127.0.0.1:${port}`);
  const origin = `http://127.0.0.1:${port}`;
  const posted = await fetch(`${origin}/pages`, { method: "POST", body: "# Bees" });
  const { id } = (await posted.json()) as { id: string };
  expect(await statuses()).toEqual([{ status: "READY", n: 1 }]);

  // As cron does: sh, at home, with what stands in the crontab and little else.
  const cron = [
    "/bin/sh",
    "-c",
    `cd "$HOME" && exec env -i HOME="$HOME" DATABASE_URL="$DATABASE_URL" ${command}`,
  ];
  const report = await runExample("bun", cron as [string, ...string[]], { ...env, HOME: home });
  expect(report).toContain('"done":1');
  expect(await doneOver(origin, id)).toMatchObject({ attempts: 1, result: { title: "Bees" } });

  await runExample("bun", [bun, "run", "cron:off"], path);
  expect(crontabCommand()).toBe("");
});

test("a drain that fails ends Bun's cron process with 1", async () => {
  const url = new URL(database.url);
  url.pathname = "/no_such_database";
  const command = [bun, "run", "--cron-title=x", "--cron-period=* * * * *", "./cron.ts"] as const;
  await using drain = startExample("bun", [...command], { DATABASE_URL: url.href });
  expect(await drain.ended).toBe(1);
  expect(drain.output()).toContain('database "no_such_database" does not exist');
});

test("the very Worker of examples/cloudflare-cron drains as a Bun cron, over Neon's HTTP", async () => {
  await using standIn = await neonStandIn();
  await database.rows(
    `INSERT INTO jobs (job_type, payload) VALUES ('check', '{"url": "https://web.example/"}')`,
  );
  const preload = fileURLToPath(new URL("neon-and-web.ts", import.meta.url));
  const report = await runExample(
    "cloudflare-cron",
    [bun, "run", `--preload=${preload}`, "--cron-title=x", "--cron-period=* * * * *", "./index.ts"],
    { ...env, NEON_ENDPOINT: standIn.fetchEndpoint },
  );
  expect(report).toContain('"done":1');
  expect(await database.rows("SELECT status::text, result FROM jobs")).toEqual([
    { status: "DONE", result: { status: 200, title: "A page" } },
  ]);
  expect(standIn.requests).toBeGreaterThan(0);
});
