import { fileURLToPath } from "node:url";

import { neonConfig } from "@neondatabase/serverless";
import { build } from "esbuild";
import { afterAll, beforeEach, expect, test, vi } from "vitest";

import { ENTRIES } from "../../scripts/entries.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import { tableDatabase } from "../support/table-database.ts";

/** What Cloudflare calls. */
interface WorkerModule {
  fetch(request: Request, env: Env, ctx: Ctx): Promise<Response>;
  scheduled(trigger: { cron: string; scheduledTime: number }, env: Env, ctx: Ctx): Promise<void>;
}
interface Env {
  readonly DATABASE_URL: string;
  readonly API_TOKEN?: string;
}
interface Ctx {
  waitUntil(promise: Promise<unknown>): void;
  passThroughOnException(): void;
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const entry = `${root}examples/cloudflare-cron/index.ts`;
const TOKEN = "a-token-of-some-length";

const database = await tableDatabase();
await database.migrate();
const standIn = await neonStandIn();
neonConfig.fetchEndpoint = standIn.fetchEndpoint;
/** Its sources are of another world, with Cloudflare's types: so by a name that the compiler doesn't follow. */
const { default: worker } = (await import(/* @vite-ignore */ entry)) as { default: WorkerModule };
const env = { DATABASE_URL: database.url, API_TOKEN: TOKEN };
const trigger = { cron: "* * * * *", scheduledTime: 0 };

/** The web, as far as handlers go: the page's path is its status. */
const page = vi.fn((url: string) => {
  const status = Number(new URL(url).pathname.slice(1));
  return new Response("<html><title> A page </title></html>", { status, headers: { "retry-after": "7" } });
});
const realFetch = globalThis.fetch;
vi.stubGlobal("fetch", (input: string | URL | Request, init?: RequestInit) => {
  const url = input instanceof Request ? input.url : String(input);
  return url.startsWith("https://web.example/") ? Promise.resolve(page(url)) : realFetch(input, init);
});

afterAll(async () => {
  vi.unstubAllGlobals();
  await standIn[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => database.rows("TRUNCATE jobs"));

function invocation(): Ctx & { ended(): Promise<unknown> } {
  const waits: Promise<unknown>[] = [];
  return {
    waitUntil: (promise) => void waits.push(promise),
    passThroughOnException: () => undefined,
    ended: () => Promise.all(waits),
  };
}

function ask(path: string, ctx: Ctx, init: RequestInit = {}, token = TOKEN): Promise<Response> {
  const headers = { authorization: `Bearer ${token}` };
  return worker.fetch(new Request(`https://worker.example${path}`, { ...init, headers }), env, ctx);
}

const post = (url: string, ctx: Ctx): Promise<Response> =>
  ask("/checks", ctx, { method: "POST", body: JSON.stringify({ url }) });

test("what the route enqueued runs right after its response", async () => {
  const ctx = invocation();
  const response = await post("https://web.example/200", ctx);
  expect(response.status).toBe(202);
  const { id } = (await response.json()) as { id: string };
  await ctx.ended();
  expect(await (await ask(`/jobs/${id}`, ctx)).json()).toEqual({
    ...{ id, type: "check", status: "DONE", attempts: 1 },
    result: { status: 200, title: "A page" },
  });
});

test("the cron trigger drains what is due, within a free Worker's subrequests", async () => {
  await database.rows(
    `INSERT INTO jobs (job_type, payload)
     SELECT 'check', jsonb_build_object('url', 'https://web.example/' || status)
       FROM unnest(ARRAY[200, 200, 404, 503]) AS status`,
  );
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  const before = standIn.requests;
  const ctx = invocation();
  await worker.scheduled(trigger, env, ctx);
  await ctx.ended();
  expect(standIn.requests - before).toBeLessThanOrEqual(15);
  const rows = await database.rows(
    `SELECT payload->>'url' AS url, status::text, attempts, run_after > now() + interval '5 s' AS later
       FROM jobs ORDER BY id`,
  );
  expect(rows.map(Object.values)).toEqual([
    ["https://web.example/200", "DONE", 1, false],
    ["https://web.example/200", "DONE", 1, false],
    ["https://web.example/404", "FAILED", 1, false],
    ["https://web.example/503", "READY", 1, true],
  ]);
});

test("a crawl that no invocation may finish goes on in the next, each page once, within its subrequests", async () => {
  await database.rows(
    `INSERT INTO jobs (job_type, payload) VALUES ('crawl', '{"url": "https://web.example/200", "pages": 40}')`,
  );
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  page.mockClear();
  let invocations = 0;
  for (let done = false; !done && invocations < 20; invocations += 1) {
    const before = standIn.requests;
    const ctx = invocation();
    await worker.scheduled(trigger, env, ctx);
    await ctx.ended();
    expect(standIn.requests - before).toBeLessThanOrEqual(15);
    done = (await database.rows("SELECT FROM jobs WHERE status = 'DONE'")).length === 1;
  }
  expect(page.mock.calls.map(([url]) => url)).toEqual(
    Array.from({ length: 40 }, (_, n) => `https://web.example/200?page=${n + 1}`),
  );
  expect(await database.rows("SELECT attempts, result FROM jobs")).toEqual([
    { attempts: 1, result: { pages: 40, titles: 40 } },
  ]);
  expect(invocations).toBeLessThanOrEqual(5);
});

test("nobody enqueues without the token, nor where none is set", async () => {
  const ctx = invocation();
  const init = { method: "POST", body: JSON.stringify({ url: "https://web.example/200" }) };
  expect((await ask("/checks", ctx, init, "another-token-of-some-length")).status).toBe(401);
  const request = new Request("https://worker.example/checks", {
    ...init,
    headers: { authorization: "Bearer " },
  });
  expect((await worker.fetch(request, { DATABASE_URL: database.url }, ctx)).status).toBeGreaterThanOrEqual(
    400,
  );
  expect((await post("http://127.0.0.1/admin", ctx)).status).toBe(400);
  expect(await database.rows("SELECT id FROM jobs")).toEqual([]);
});

test("it bundles for Workers: one module, without Node's", async () => {
  const { metafile } = await build({
    entryPoints: [entry],
    bundle: true,
    write: false,
    metafile: true,
    format: "esm",
    target: "es2022",
    conditions: ["workerd", "worker", "browser"],
    alias: Object.fromEntries(
      Object.entries(ENTRIES).map(([name, source]) => [
        name === "index" ? "pqrun" : `pqrun/${name}`,
        root + source,
      ]),
    ),
    logLevel: "silent",
  });
  const [output] = Object.values(metafile.outputs);
  expect(output?.exports).toEqual(["default"]);
  // All that it needs is inside: nothing of Node's, no other driver.
  expect(output?.imports).toEqual([]);
  const sources = Object.keys(metafile.inputs).filter((path) => path.startsWith("src/"));
  expect(sources.filter((path) => /src\/cli|integrations\/node/.test(path))).toEqual([]);
});
