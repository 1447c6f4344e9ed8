import { once } from "node:events";
import { existsSync, readFileSync } from "node:fs";
import { createServer, type ServerResponse } from "node:http";
import { createRequire } from "node:module";
import type { AddressInfo } from "node:net";

import { afterAll, beforeEach, expect, test, vi } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { runExample } from "./example-process.ts";

/** What Lambda calls. */
type Handler = (event: unknown, context: Context) => Promise<Readonly<Record<string, unknown>>>;
interface Context {
  getRemainingTimeInMillis(): number;
}

const folder = `${PROJECT}examples/lambda`;
const PAGES = 50;

/** The site: a map, and pages that answer at once or, where it is stuck, never. */
let isStuck = false;
const waiting: ServerResponse[] = [];
const asked: string[] = [];
const site = createServer((request, response) => {
  const path = request.url ?? "";
  asked.push(path);
  if (path === "/sitemap.xml") response.end(sitemap());
  else if (path === "/gone") response.writeHead(404).end();
  else if (isStuck) waiting.push(response);
  else response.end("a page");
}).listen(0, "127.0.0.1");
await once(site, "listening");
const siteUrl = `http://127.0.0.1:${(site.address() as AddressInfo).port}`;

function sitemap(): string {
  const urls = Array.from({ length: PAGES }, (_, n) => `${siteUrl}/page?a=1&amp;n=${n}`);
  const all = [...urls, "https://elsewhere.example/page"].map((url) => `<url><loc>${url}</loc></url>`);
  return `<?xml version="1.0"?><urlset>${all.join("\n")}</urlset>`;
}

const database = await tableDatabase();
await database.migrate();

await runExample("lambda", ["npm", "run", "build"], {});
/** The bundle that is deployed, loaded as Lambda does. */
const { handler } = createRequire(import.meta.url)(`${folder}/dist/handler.cjs`) as {
  readonly handler: Handler;
};

afterAll(async () => {
  vi.unstubAllEnvs();
  vi.restoreAllMocks();
  site.close();
  site.closeAllConnections();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  vi.stubEnv("DATABASE_URL", database.url);
  vi.stubEnv("SITE_URL", siteUrl);
  // The reports, which the tests get as well.
  vi.spyOn(console, "log").mockImplementation(() => undefined);
  isStuck = false;
  waiting.length = 0;
  asked.length = 0;
  await database.rows("TRUNCATE jobs RESTART IDENTITY");
});

/** A stand-in for Lambda's context, of a function with that Timeout. */
function contextOf(timeoutMs: number): Context {
  const end = performance.now() + timeoutMs;
  return { getRemainingTimeInMillis: () => Math.floor(end - performance.now()) };
}

const insertPages = (path: string, count: number): Promise<unknown> =>
  database.rows(
    `INSERT INTO jobs (job_type, payload)
     SELECT 'page', jsonb_build_object('url', $1 || n) FROM generate_series(1, $2::int) AS n`,
    [`${siteUrl}${path}`, count],
  );
const counts = (): Promise<unknown> =>
  database.rows(
    "SELECT job_type, status::text, attempts, count(*)::int AS n FROM jobs GROUP BY 1, 2, 3 ORDER BY 1, 2, 3",
  );

test("a map that plain SQL enqueued becomes a job for each of the site's own pages, and all of them run", async () => {
  await database.rows("INSERT INTO jobs (job_type) VALUES ('sitemap')");
  const report = await handler({}, contextOf(58_000));
  expect(report).toMatchObject({ done: PAGES + 1, stoppedBy: "empty", more: false });
  expect(await counts()).toEqual([
    { job_type: "page", status: "DONE", attempts: 1, n: PAGES },
    { job_type: "sitemap", status: "DONE", attempts: 1, n: 1 },
  ]);
  expect(new Set(asked)).toContain("/page?a=1&n=7");
  expect(
    await database.rows("SELECT result->>'status' AS status FROM jobs WHERE job_type = 'page' LIMIT 1"),
  ).toEqual([{ status: "200" }]);
});

test("its schedule has the map read by the invocation after its tick, though nobody enqueued anything", async () => {
  expect(await handler({}, contextOf(58_000))).toMatchObject({ done: 0, stoppedBy: "empty" });
  await database.rows("UPDATE jobs_schedules SET next_tick = now() - interval '1 hour'");
  expect(await handler({}, contextOf(58_000))).toMatchObject({ done: PAGES + 1, stoppedBy: "empty" });
  expect(await database.rows("SELECT job_type FROM jobs WHERE schedule = 'nightly'")).toEqual([
    { job_type: "sitemap" },
  ]);
});

test("where little time is left it returns in time; what did not start is READY, its attempt unspent", async () => {
  isStuck = true;
  await insertPages("/page?n=", PAGES);
  const context = contextOf(6_000);
  const report = await handler({}, context);
  expect(context.getRemainingTimeInMillis()).toBeGreaterThan(0);
  expect(report).toMatchObject({ done: 0, retried: 10, stoppedBy: "budget", more: true });
  expect(asked).toHaveLength(10);
  expect(await counts()).toEqual([
    { job_type: "page", status: "READY", attempts: 0, n: PAGES - 10 },
    { job_type: "page", status: "READY", attempts: 1, n: 10 },
  ]);

  isStuck = false;
  await database.rows("UPDATE jobs SET run_after = now()");
  expect(await handler({}, contextOf(58_000))).toMatchObject({ done: PAGES, more: false });
});

test("a page that isn't there FAILED at its first attempt", async () => {
  await database.rows("INSERT INTO jobs (job_type, payload) VALUES ('page', $1)", [
    { url: `${siteUrl}/gone` },
  ]);
  expect(await handler({}, contextOf(58_000))).toMatchObject({ done: 0, failed: 1 });
  expect(await counts()).toEqual([{ job_type: "page", status: "FAILED", attempts: 1, n: 1 }]);
});

test("an invocation that can't drain fails, so that Lambda counts it", async () => {
  const url = new URL(database.url);
  url.pathname = "/no_such_database";
  vi.stubEnv("DATABASE_URL", url.href);
  await expect(handler({}, contextOf(58_000))).rejects.toThrow('database "no_such_database" does not exist');
});

test("template.yaml names what the build makes, and gives it less than its minute", () => {
  const template = readFileSync(`${folder}/template.yaml`, "utf8");
  const said = (name: string): string => new RegExp(`^ +${name}: (.+)$`, "m").exec(template)?.[1] ?? "";
  const [file = "", exported = ""] = said("Handler").split(".");
  expect(existsSync(`${folder}/${said("CodeUri")}${file}.cjs`)).toBe(true);
  expect(exported).toBe("handler");
  expect(said("ScheduleExpression")).toBe("rate(1 minute)");
  expect(Number(said("Timeout"))).toBeLessThan(60);
});
