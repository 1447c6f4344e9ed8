import { spawn, type ChildProcessByStdio } from "node:child_process";
import { once } from "node:events";
import type { Readable } from "node:stream";
import { fileURLToPath } from "node:url";

import { afterAll, beforeAll, expect, test } from "vitest";

import { createApp } from "../../examples/hono-node/app.ts";
import { jobs } from "../../examples/hono-node/jobs.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { freePort } from "../support/server-process.ts";
import { tableDatabase, type TableDatabase } from "../support/table-database.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

let database: TableDatabase;
beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
});
afterAll(() => database[Symbol.asyncDispose]());

interface Answer {
  readonly status: number;
  readonly body: Record<string, unknown>;
}

/** The example as a process of its own. */
interface Example extends AsyncDisposable {
  readonly child: ChildProcessByStdio<null, Readable, null>;
  get(path: string): Promise<Answer>;
  post(path: string, body: unknown): Promise<Answer>;
  /** SIGTERM, and the exit code. */
  terminate(): Promise<number | null>;
}

async function example(env: NodeJS.ProcessEnv = {}): Promise<Example> {
  const port = await freePort();
  const child = spawn(
    process.execPath,
    ["--import", `${root}scripts/from-source.ts`, `${root}examples/hono-node/main.ts`],
    {
      env: {
        ...process.env,
        DATABASE_URL: database.url,
        DOCUMENTS: `${root}examples`,
        PORT: String(port),
        ...env,
      },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const closed = once(child, "close") as Promise<[number | null]>;
  if (env["API_ENABLED"] !== "false") await listening(child);
  const ask = async (path: string, init: RequestInit = {}): Promise<Answer> => {
    const response = await fetch(`http://127.0.0.1:${port}${path}`, init);
    return { status: response.status, body: (await response.json()) as Record<string, unknown> };
  };
  const terminate = async (): Promise<number | null> => {
    child.kill("SIGTERM");
    const [code] = await closed;
    return code;
  };
  return {
    child,
    get: (path) => ask(path),
    post: (path, body) => ask(path, { method: "POST", body: JSON.stringify(body) }),
    terminate,
    async [Symbol.asyncDispose]() {
      if (child.exitCode === null) await terminate();
    },
  };
}

function listening({ stdout }: Example["child"]): Promise<void> {
  return new Promise((resolve) => {
    // Goes on reading, or a full pipe would stop the process.
    stdout.on("data", (text) => {
      if (String(text).includes("listening on")) resolve();
    });
  });
}

async function done(api: Example, id: unknown): Promise<Record<string, unknown>> {
  const body = async (): Promise<unknown> => (await api.get(`/jobs/${String(id)}`)).body;
  await expect.poll(body, { timeout: 100_000 }).toMatchObject({ status: "DONE" });
  return (await api.get(`/jobs/${String(id)}`)).body;
}

test("API and worker in one process: what is posted is summarized, embedded and related", async () => {
  await using api = await example();
  const text =
    "# Bees\n\nBees carry pollen. Pollen is what bees carry to a flower, and a flower needs it. No!";
  const posted = await api.post("/summaries", { text });
  expect(posted).toMatchObject({ status: 202, body: { created: true } });
  const summary = await done(api, posted.body["id"]);
  expect(summary).toMatchObject({ type: "summarize", attempts: 1, result: { title: "Bees", sentences: 3 } });
  const { embedId, top } = summary["result"] as { embedId: string; top: string[] };
  expect(text).toContain(top[0]);
  const { vector } = (await done(api, embedId))["result"] as { vector: number[] };
  expect(vector).toHaveLength(128);
  expect(Math.hypot(...vector)).toBeCloseTo(1, 3);

  const other = await api.post("/summaries", { path: "hono-node/README.md" });
  const related = await api.post("/relations", { summaryIds: [posted.body["id"], other.body["id"]] });
  const relations = (await done(api, related.body["id"]))["result"];
  expect(relations).toMatchObject({ pairs: [{ a: "hono-node/README.md", b: "Bees" }] });
  expect(await api.terminate()).toBe(0);
});

test("API and worker apart, by environment alone; a file asked for twice is one job", async () => {
  await using api = await example({ WORKER_ENABLED: "false" });
  const first = await api.post("/summaries", { path: "hono-node/README.md" });
  const second = await api.post("/summaries", { path: "hono-node/README.md" });
  expect(first).toMatchObject({ status: 202, body: { created: true } });
  expect(second).toEqual({ status: 202, body: { id: first.body["id"], created: false } });
  expect((await api.get(`/jobs/${String(first.body["id"])}`)).body).toMatchObject({ status: "READY" });
  await using worker = await example({ API_ENABLED: "false" });
  await done(api, first.body["id"]);
  expect(await Promise.all([api.terminate(), worker.terminate()])).toEqual([0, 0]);
});

test("SIGTERM in the middle of the work loses no job and counts no attempt in vain", async () => {
  await database.rows("TRUNCATE jobs");
  const sentences = Array.from(
    { length: 1_000 },
    (_, n) => `Bee number ${n} carries pollen from flower ${n * 7} today.`,
  );
  await using api = await example();
  const text = sentences.join(" ");
  await Promise.all(Array.from({ length: 20 }, () => api.post("/summaries", { text })));
  expect(await api.terminate()).toBe(0);
  expect(
    await database.rows(
      "SELECT id FROM jobs WHERE NOT (status = 'DONE' OR status = 'READY' AND attempts = 0)",
    ),
  ).toEqual([]);
  expect(await database.rows("SELECT count(*)::int AS n FROM jobs WHERE job_type = 'summarize'")).toEqual([
    { n: 20 },
  ]);
  await using worker = await example({ API_ENABLED: "false" });
  const left = (): Promise<unknown> => database.rows("SELECT id FROM jobs WHERE status <> 'DONE'");
  await expect.poll(left, { timeout: 100_000, interval: 200 }).toEqual([]);
  const twice = "SELECT id FROM jobs WHERE attempts <> 1";
  expect(await database.rows(twice)).toEqual([]);
  expect(await database.rows("SELECT count(*)::int AS n FROM jobs WHERE job_type = 'embed'")).toEqual([
    { n: 20 },
  ]);
  expect(await worker.terminate()).toBe(0);
});

test("a wrong request is refused and enqueues nothing", async () => {
  await database.rows("TRUNCATE jobs");
  await using api = await example({ WORKER_ENABLED: "false" });
  const wrong: readonly (readonly [string, unknown])[] = [
    ["/summaries", {}],
    ["/summaries", null],
    ["/summaries", { text: " " }],
    ["/summaries", { path: "hono-node/main.ts" }],
    ["/summaries", { path: 7 }],
    ["/relations", { summaryIds: [] }],
    ["/relations", { summaryIds: ["1; DROP TABLE jobs"] }],
  ];
  for (const [path, body] of wrong) expect(await api.post(path, body)).toMatchObject({ status: 400 });
  expect(await api.get("/jobs/999999999")).toMatchObject({ status: 404 });
  expect(await database.rows("SELECT id FROM jobs")).toEqual([]);
});

test("no path leads out of the folder: the job FAILED, and the answer doesn't say why", async () => {
  await using api = await example();
  const posted = await api.post("/summaries", { path: "../CONTRIBUTING.md" });
  const id = String(posted.body["id"]);
  const body = async (): Promise<unknown> => (await api.get(`/jobs/${id}`)).body;
  await expect
    .poll(body, { timeout: 100_000 })
    .toEqual({ id, type: "summarize", status: "FAILED", attempts: 1, result: null });
  const [row] = await database.rows("SELECT last_error FROM jobs WHERE id = $1", [id]);
  expect(row?.["last_error"]).toContain("not a Markdown file of the folder");
});

test("its dashboard is there for who knows the password, and without one set for nobody", async () => {
  const store = new PgJobStore(pgExecutor(database.pool), { jobs, logger: false });
  const asked = async (app: ReturnType<typeof createApp>, password: string): Promise<number> => {
    const authorization = `Basic ${Buffer.from(`admin:${password}`).toString("base64")}`;
    return (await app.request("/admin/jobs", { headers: { authorization } })).status;
  };
  const app = createApp(store, { adminPassword: "secret" });
  expect([
    await asked(app, "secret"),
    await asked(app, "guess"),
    (await app.request("/admin/jobs")).status,
  ]).toEqual([200, 401, 401]);
  expect(await asked(createApp(store), "")).toBe(404);
});
