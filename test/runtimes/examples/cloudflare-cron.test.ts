import { Response } from "miniflare";
import { afterAll, beforeEach, describe, expect, test, vi } from "vitest";

import { tableDatabase } from "../../support/table-database.ts";
import { Outside, titled } from "./cloudflare-outside.ts";
import { bundle, startWorker, type RunningWorker } from "./cloudflare-workerd.ts";

const EXAMPLE = "examples/cloudflare-cron";
const API_TOKEN = "a-token-of-some-length";
/** What a free Worker may send in one invocation. */
const FREE_SUBREQUESTS = 50;
/** The handlers of one drain that run at once. */
const CONCURRENCY = 5;
const LIMIT = { timeout: 60_000, interval: 100 };

// So that the Worker's own connections are those without a name.
vi.stubEnv("PGAPPNAME", "outside");
const database = await tableDatabase();
await database.migrate();
const outside = await Outside.open(database.url);
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await database.rows("TRUNCATE jobs");
  outside.reset();
});

const neon = bundle(EXAMPLE, "wrangler.jsonc");
const hyperdrive = bundle(EXAMPLE, "wrangler.hyperdrive.jsonc");
const start = (): Promise<RunningWorker> =>
  startWorker(neon, outside, { bindings: { API_TOKEN, DATABASE_URL: Outside.databaseUrl } });

const headers = { authorization: `Bearer ${API_TOKEN}` };
async function enqueue(worker: RunningWorker, path: string): Promise<string> {
  const body = JSON.stringify({ url: `https://web.example/${path}` });
  const response = await worker.fetch("/checks", { method: "POST", headers, body });
  expect(response.status).toBe(202);
  return ((await response.json()) as { readonly id: string }).id;
}
const look = async (worker: RunningWorker, id: string): Promise<unknown> =>
  (await worker.fetch(`/jobs/${id}`, { headers })).json();

/** Due jobs whose pages are /1 to /count, as anything that speaks SQL enqueues them. */
const insert = (count: number): Promise<unknown> =>
  database.rows(
    `INSERT INTO jobs (job_type, payload)
     SELECT 'check', jsonb_build_object('url', 'https://web.example/' || n) FROM generate_series(1, $1::int) n`,
    [count],
  );
const statuses = async (): Promise<unknown> =>
  Object.fromEntries(
    (await database.rows("SELECT status, count(*)::int AS n FROM jobs GROUP BY status")).map(
      ({ status, n }) => [status, n],
    ),
  );

test("wrangler would deploy it: one module with a cron trigger, and Hyperdrive's binding where there is one", () => {
  for (const { output, crons } of [neon, hyperdrive]) {
    expect(output).toContain("--dry-run: exiting now.");
    expect(crons).toEqual(["* * * * *"]);
  }
  expect(hyperdrive.output).toContain("env.HYPERDRIVE");
});

describe("on workerd", () => {
  test("what the route enqueued runs after its response, without a cron", async () => {
    await using worker = await start();
    const id = await enqueue(worker, "a");
    await expect
      .poll(() => look(worker, id), LIMIT)
      .toEqual({
        ...{ id, type: "check", status: "DONE", attempts: 1 },
        result: { status: 200, title: "/a" },
      });
  });

  test("the cron trigger runs what is left, and what is to be tried again", async () => {
    await using worker = await start();
    outside.page = () => new Response("busy", { status: 503, headers: { "retry-after": "1" } });
    const id = await enqueue(worker, "a");
    await expect.poll(() => look(worker, id), LIMIT).toMatchObject({ status: "READY", attempts: 1 });
    outside.page = titled;
    await insert(3);
    await expect
      .poll(async () => {
        expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
        return statuses();
      }, LIMIT)
      .toEqual({ DONE: 4 });
    expect(await look(worker, id)).toMatchObject({ attempts: 2, result: { title: "/a" } });
  });

  test("a later drain finishes what a killed one held", async () => {
    await insert(5);
    const killed = await start();
    outside.page = (url) => (url.pathname === "/3" ? new Promise<never>(() => undefined) : titled(url));
    const allStarted = new Promise<void>((resolve) => {
      outside.onRequest = () => {
        if (outside.pages.length === 5) resolve();
      };
    });
    const cut = killed.scheduled().then(
      () => "ended",
      () => "cut",
    );
    await allStarted;
    await killed.kill();
    expect(await cut).toBe("cut");
    expect(await statuses()).toMatchObject({ RUNNING: expect.any(Number) as number });

    outside.page = titled;
    await database.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 s' WHERE status = 'RUNNING'");
    await using worker = await start();
    expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
    expect(await statuses()).toEqual({ DONE: 5 });
    // Each attempt was counted, and was one request.
    const rows = await database.rows("SELECT payload->>'url' AS url, attempts FROM jobs");
    expect(new Map(rows.map(({ url, attempts }) => [new URL(String(url)).pathname, attempts]))).toEqual(
      countsOf(outside.pages),
    );
    expect(countsOf(outside.pages).get("/3")).toBe(2);
  });

  test("two events at once run no job twice", async () => {
    await insert(100);
    await using worker = await start();
    // No page answers before more have been asked for than one drain's handlers could.
    const both = new Promise<void>((resolve) => {
      outside.onRequest = () => {
        if (outside.pages.length > CONCURRENCY) resolve();
      };
    });
    outside.page = (url) => both.then(() => titled(url));
    await expect
      .poll(async () => {
        const outcomes = await Promise.all([worker.scheduled(), worker.scheduled()]);
        expect(outcomes).toMatchObject([{ outcome: "ok" }, { outcome: "ok" }]);
        return statuses();
      }, LIMIT)
      .toEqual({ DONE: 100 });
    expect(outside.pages).toHaveLength(100);
    expect(new Set(outside.pages).size).toBe(100);
    expect(await database.rows("SELECT DISTINCT attempts FROM jobs")).toEqual([{ attempts: 1 }]);
  });

  test("of a backlog it runs what a free Worker's subrequests allow, even where each page has moved", async () => {
    await insert(1_000);
    outside.page = ({ pathname }) =>
      new Response(null, { status: 301, headers: { location: `/moved${pathname}` } });
    await using worker = await start();
    expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
    expect(outside.requests).toBeLessThanOrEqual(FREE_SUBREQUESTS);
    expect(outside.pages).toHaveLength(30);
    expect(await statuses()).toEqual({ DONE: 30, READY: 970 });
  });

  test("over Hyperdrive it runs what the route enqueued and what the cron finds, and leaves no connection", async () => {
    await using worker = await startWorker(hyperdrive, outside, {
      bindings: { API_TOKEN },
      hyperdrives: { HYPERDRIVE: database.url },
    });
    const id = await enqueue(worker, "a");
    await expect.poll(() => look(worker, id), LIMIT).toMatchObject({ status: "DONE", attempts: 1 });
    const connections = (): Promise<Record<string, unknown>[]> =>
      database.rows(
        "SELECT pid FROM pg_stat_activity WHERE application_name = '' AND datname = current_database()",
      );
    await expect.poll(connections, LIMIT).toEqual([]);
    await insert(20);
    const seen: number[] = [];
    outside.page = async (url) => {
      seen.push((await connections()).length);
      return titled(url);
    };
    expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
    expect(await statuses()).toEqual({ DONE: 21 });
    // Between two statements there may be none.
    expect(Math.max(...seen)).toBeGreaterThanOrEqual(1);
    expect(Math.max(...seen)).toBeLessThanOrEqual(2);
    outside.page = titled;
    const paths = Array.from({ length: 20 }, (_, n) => `b${n}`);
    const ids = await Promise.all(paths.map((path) => enqueue(worker, path)));
    expect(new Set(ids).size).toBe(20);
    await expect
      .poll(async () => {
        await worker.scheduled();
        return statuses();
      }, LIMIT)
      .toEqual({ DONE: 41 });
    const titles = await Promise.all(ids.map((id) => look(worker, id)));
    expect(titles).toMatchObject(paths.map((path) => ({ result: { title: `/${path}` } })));
    expect(outside.statements).toBe(0);
    await expect.poll(connections, LIMIT).toEqual([]);
  });
});

function countsOf(values: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const value of values) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}
