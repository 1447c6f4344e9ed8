import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:http";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import type { Readable } from "node:stream";

import { afterAll, beforeAll, expect, test } from "vitest";

import { jobs } from "../../examples/hono-node/jobs.ts";
import { createPage } from "../../src/cli/demo/page.ts";
import { executor } from "../../src/core/make-executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { DEMO_PORT, serve } from "../../src/cli/demo/serve.ts";
import { tableDatabase } from "../support/table-database.ts";
import { cli, MAIN, run } from "./run-cli.ts";

const folder = mkdtempSync(join(tmpdir(), "pqrun-demo-"));
const FROM_SOURCE = ["--import", join(dirname(MAIN), "../../scripts/from-source.ts"), MAIN];
const env = { ...process.env, DATABASE_URL: "", PQRUN_DATABASE_URL: "", WORKER_ENABLED: "false" };

beforeAll(() => {
  const files = {
    "README.md": "# Bees\n\nBees carry pollen from one flower to another flower. `They` also make *honey*.\n",
    "deep/er/wasps.md": "Wasps eat the flies that bees and people do not like at all.\n",
    "zebra.MD":
      "---\ntitle: x\n---\n```\nnot prose\n```\nThe zebra [runs](http://x) across a wide plain at night.\n",
    "notes.txt": "This one is no Markdown and must not be read.",
    "node_modules/a/README.md": "This one belongs to somebody else and must not be read.",
    ".hidden/b.md": "This one is hidden and must not be read.",
    "large.md": `${"A file of more than a million bytes is left out. ".repeat(25_000)}\n`,
  };
  for (const [path, text] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  }
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

test("--once does the whole job on a machine without PostgreSQL, says what it did, and ends in 0", async () => {
  const { code, stdout, stderr } = await run(
    process.execPath,
    [...FROM_SOURCE, "demo", "--once", "--path", folder],
    { env },
  );
  expect({ code, stderr }).toEqual({ code: 0, stderr: "" });
  expect(stdout).toMatch(/files +3, 1 kB; 1 too large, or too many, left out\n/);
  expect(stdout).toMatch(/database +PGlite/);
  expect(stdout).toMatch(/202 \{"id":"1","created":true\}/);
  expect(stdout).toMatch(/relate failed at attempt 1: \d of 3 vectors are there; it will be tried again\n/);
  expect(stdout).toMatch(
    /\n {2}summarize +0 +0 +3 +0 +0\n {2}embed +0 +0 +3 +0 +0\n {2}relate +0 +0 +1 +0 +0\n/,
  );
  expect(stdout).toMatch(/\n {2}all +0 +0 +7 +0 +0\n/);
  expect(stdout).toMatch(/retries +\d: relate, job \d+, took \d attempts\n/);
  expect(stdout).toMatch(/duplicates +1, not enqueued twice: README\.md is job 1\n/);
  expect(stdout).toContain("    Bees carry pollen from one flower to another flower.\n");
  expect(stdout).toContain("    Wasps eat the flies that bees and people do not like at all.\n");
  expect(stdout).toContain("    The zebra runs across a wide plain at night.\n");
  expect(stdout).not.toContain("must not be read");
  expect(stdout.split("\n").filter((line) => line.length > 100)).toEqual([]);
  expect(stdout).not.toContain("\u001b");
});

test("on a database it uses a table of its own, and leaves what is there", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await database.rows("INSERT INTO jobs (job_type) VALUES ('summarize'), ('embed')");
  const { code, stdout } = await cli(["demo", "--once", "--path", folder], { DATABASE_URL: database.url });
  expect(code).toBe(0);
  expect(stdout).toMatch(/table +public\.pqrun_demo, created\n/);
  expect(await database.rows("SELECT DISTINCT status FROM jobs")).toEqual([{ status: "READY" }]);
  const vectors = await database.rows(
    "SELECT jsonb_array_length(result->'vector') AS n FROM pqrun_demo WHERE job_type = 'embed'",
  );
  expect(vectors).toEqual([{ n: 128 }, { n: 128 }, { n: 128 }]);
});

test("a job that FAILED is shown, the rest is done all the same, and it ends in 1", async () => {
  await using database = await tableDatabase();
  await database.migrate({ table: "pqrun_demo" });
  await database.rows(
    `INSERT INTO pqrun_demo (job_type, payload, dedupe_key)
     VALUES ('summarize', '{"path": "../gone.md"}', 'summarize:README.md')`,
  );
  const { code, stdout } = await cli(["demo", "--once", "--path", folder], { DATABASE_URL: database.url });
  expect(code).toBe(1);
  expect(stdout).toMatch(/FAILED: summarize, job 1: NonRetriableError: no such file\n/);
  expect(stdout).toMatch(
    /\n {2}summarize +0 +0 +2 +1 +0\n {2}embed +0 +0 +2 +0 +0\n {2}relate +0 +0 +1 +0 +0\n/,
  );
});

test("without --once it serves the example until Ctrl-C, and then ends gracefully in 0", async () => {
  await using database = await tableDatabase();
  const child = demo(database.url, "--path", folder);
  const output = await untilSaid(child, "Serving until Ctrl-C.");
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? "";
  const first = await (await fetch(`${url}/jobs/1`)).json();
  expect(first).toMatchObject({ id: "1", type: "summarize", status: "DONE", result: { title: "Bees" } });
  const body = JSON.stringify({ text: "It still works." });
  const { id } = (await (await fetch(`${url}/summaries`, { method: "POST", body })).json()) as { id: string };
  const status = async (): Promise<unknown> => (await fetch(`${url}/jobs/${id}`)).json();
  await expect.poll(status).toMatchObject({ status: "DONE" });
  // What a visitor adds is in the totals too, and what a minute that has just begun does.
  await expect.poll(() => said(child)).toMatch(/summarize +([4-9])\/\1 {3}embed +\1\/\1 {3}relate 1\/1/);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
});

test("while it serves a schedule makes a job each minute, and the dashboard shows both", async () => {
  await using database = await tableDatabase();
  const child = demo(database.url, "--path", folder, "--port", "0");
  const output = await untilSaid(child, "Serving until Ctrl-C.");
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? "";
  const shown = async (path: string): Promise<string> => (await fetch(`${url}/dashboard/${path}`)).text();
  expect(await shown("schedules")).toMatch(/every minute<\/th>[^]+<code>\* \* \* \* \*<\/code>/);
  await database.rows("UPDATE pqrun_demo_schedules SET next_tick = now() - interval '1 hour'");
  await expect.poll(() => shown("schedules")).toMatch(/href="\.\/jobs\/\d+">\d+<\/a>/);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
  // The next run ends by itself, and has none.
  await cli(["demo", "--once", "--path", folder], { DATABASE_URL: database.url });
  expect(await database.rows("SELECT name FROM pqrun_demo_schedules")).toEqual([]);
});

test("its URL is the dashboard over what runs: jobs are enqueued, fail and are retried, and those of a dead worker run again", async () => {
  await using database = await tableDatabase();
  const child = demo(database.url, "--path", folder, "--port", "0");
  const output = await untilSaid(child, "Serving until Ctrl-C.");
  const url = /http:\/\/127\.0\.0\.1:\d+/.exec(output)?.[0] ?? "";
  expect(output).toContain(`dashboard   ${url}/dashboard\n`);
  const page = async (path = ""): Promise<string> => (await fetch(`${url}/dashboard${path}`)).text();
  // The root leads there, and it leads to where one enqueues.
  expect(await (await fetch(url)).text()).toContain("Overview · pqrun");
  expect(await page()).toContain('<a href="/enqueue" rel="noreferrer">Enqueue</a>');
  expect(await page("/jobs?type=summarize")).toContain('<a href="./jobs/1">1</a>');
  const post = (path: string, fields: Record<string, string>, origin = url): Promise<Response> =>
    fetch(url + path, {
      method: "POST",
      headers: { origin },
      body: new URLSearchParams(fields),
      redirect: "manual",
    });
  expect((await post("/enqueue", { path: "<b>.md" })).status).toBe(303);
  expect((await post("/enqueue", { text: "By a stranger." }, "http://stranger.example")).status).toBe(403);
  const [{ id } = {}] = await database.rows("SELECT id FROM pqrun_demo WHERE payload->>'path' = '<b>.md'");
  const newest = String(id);
  const job = async (): Promise<unknown> => (await fetch(`${url}/jobs/${newest}`)).json();
  await expect.poll(job).toMatchObject({ status: "FAILED", error: "NonRetriableError: no such file" });
  expect(await page("/failures")).toContain("NonRetriableError: no such file");
  expect((await post("/dashboard/act", { what: "retry", id: newest })).status).toBe(303);
  await expect.poll(job).toMatchObject({ status: "FAILED", attempts: 1 });
  // The flow: what comes all the time, what is retried, and what outlives its worker.
  const done = async (type: string, attempts: number): Promise<unknown> => {
    const [row] = await database.rows(
      "SELECT count(*)::int AS n FROM pqrun_demo WHERE job_type = $1 AND status = 'DONE' AND attempts >= $2",
      [type, attempts],
    );
    return row?.["n"];
  };
  await expect.poll(() => done("ping", 1)).toBeGreaterThan(5);
  await expect.poll(() => done("flaky", 3)).toBeGreaterThan(0);
  await expect.poll(() => done("slow", 2)).toBe(3);
  child.kill("SIGINT");
  expect(await once(child, "close")).toEqual([0, null]);
});

test("under another name than this machine's own, its dashboard shows and does nothing", async () => {
  const page = createPage(
    new PgJobStore(executor({ query: () => Promise.reject(new Error("asked")) }), { jobs }),
  );
  const there = await page.request("http://rebound.example/dashboard");
  expect(there.status).toBe(403);
});

test("its port is the same at each start, and another where that one is taken", async () => {
  const other = createServer().listen(DEMO_PORT, "127.0.0.1");
  // Somebody else may have it: then it is taken, too.
  await Promise.race([once(other, "listening"), once(other, "error")]).catch(() => undefined);
  await using elsewhere = await serve(() => new Response("here"), undefined);
  expect(await (await fetch(elsewhere.url)).text()).toBe("here");
  expect(elsewhere.url).not.toBe(`http://127.0.0.1:${DEMO_PORT}`);
  if (!other.listening) return;
  other.close();
  await once(other, "close");
  await using at = await serve(() => new Response("there"), undefined);
  expect(at.url).toBe(`http://127.0.0.1:${DEMO_PORT}`);
});

test("interrupted before it is done, it ends with the signal's code", async () => {
  await using database = await tableDatabase();
  const child = demo(database.url, "--once", "--path", folder);
  await untilSaid(child, "files");
  child.kill("SIGTERM");
  expect(await once(child, "close")).toEqual([143, null]);
});

test("a folder without Markdown, one that isn't there, and a taken port end in 1 and say so", async () => {
  await using database = await tableDatabase();
  const failed = async (...args: string[]): Promise<string> => {
    const { code, stderr } = await cli(["demo", "--once", ...args], { DATABASE_URL: database.url });
    expect(code).toBe(1);
    return stderr;
  };
  expect(await failed("--path", join(folder, ".hidden", "none"))).toContain("ENOENT");
  mkdirSync(join(folder, "empty"));
  expect(await failed("--path", join(folder, "empty"))).toContain("holds no Markdown file");
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const { port } = taken.address() as { port: number };
  expect(await failed("--path", folder, "--port", String(port))).toContain("EADDRINUSE");
  taken.close();
});

type Demo = ChildProcessByStdio<null, Readable, null>;

function demo(url: string, ...args: string[]): Demo {
  return spawn(process.execPath, [...FROM_SOURCE, "demo", ...args], {
    env: { ...env, DATABASE_URL: url },
    stdio: ["ignore", "pipe", "ignore"],
  });
}

const outputs = new WeakMap<Demo, string>();
const said = (child: Demo): string => outputs.get(child) ?? "";

async function untilSaid(child: Demo, what: string): Promise<string> {
  child.stdout.setEncoding("utf8");
  return await new Promise((resolve, reject) => {
    child.stdout.on("data", (text: string) => {
      outputs.set(child, said(child) + text);
      if (said(child).includes(what)) resolve(said(child));
    });
    child.on("close", () => {
      reject(new Error(`it ended before it said "${what}":\n${said(child)}`));
    });
  });
}
