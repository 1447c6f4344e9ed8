import { copyFileSync, mkdirSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterAll, expect, test } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { Outside } from "./cloudflare-outside.ts";
import { bundle, startWorker } from "./cloudflare-workerd.ts";

const database = await tableDatabase();
await database.migrate();
const outside = await Outside.open(database.url);
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});

const NAME = "dashboard";
const folder = PROJECT + NAME;
mkdirSync(folder, { recursive: true });
copyFileSync(
  fileURLToPath(new URL("cloudflare-dashboard.worker.ts", import.meta.url)),
  `${folder}/worker.ts`,
);
writeFileSync(
  `${folder}/wrangler.jsonc`,
  JSON.stringify({ name: NAME, main: "worker.ts", compatibility_date: "2026-07-01" }),
);
const bundled = bundle(NAME, "wrangler.jsonc");

test("in workerd, over Neon's HTTP, the dashboard shows each page, acts for who may, and for nobody else", async () => {
  const [failed] = await database.rows(
    "INSERT INTO jobs (job_type, status, attempts, last_error) VALUES ('<i>mail', 'FAILED', 5, 'Error: <b>no') RETURNING id::text",
  );
  const id = String(failed?.["id"]);
  await database.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron, next_tick) VALUES ('daily', 'mail', '@daily', now() + interval '1 day')",
  );
  await using worker = await startWorker(bundled, outside, { bindings: { NEON_URL: Outside.databaseUrl } });
  const page = async (path: string): Promise<string> => {
    const response = await worker.fetch(`/admin/jobs${path}`);
    const text = await response.text();
    expect([path, response.status]).toEqual([path, 200]);
    expect(response.headers.get("content-security-policy")).toContain("default-src 'none'");
    expect(text).not.toMatch(/<i>mail|<b>no/);
    return text;
  };
  expect(await page("/")).toContain("&lt;i&gt;mail");
  expect(await page("/jobs?status=FAILED")).toContain(`./jobs/${id}`);
  expect(await page(`/jobs/${id}`)).toContain("Error: &lt;b&gt;no");
  expect(await page("/failures")).toContain("Error: &lt;b&gt;no");
  expect(await page("/schedules")).toContain("daily");
  await page("/workers");
  const retry = async (headers: Record<string, string>): Promise<number> =>
    (
      await worker.fetch("/admin/jobs/act", {
        method: "POST",
        body: new URLSearchParams({ what: "retry", id }).toString(),
        headers: { "content-type": "application/x-www-form-urlencoded", ...headers },
      })
    ).status;
  const own = { "sec-fetch-site": "same-origin" };
  expect(await retry(own)).toBe(403);
  expect(await retry({ "x-user": "admin", "sec-fetch-site": "cross-site" })).toBe(403);
  expect(await database.rows("SELECT status FROM jobs")).toEqual([{ status: "FAILED" }]);
  // Miniflare follows the redirect to the page that says so.
  expect([200, 303]).toContain(await retry({ ...own, "x-user": "admin" }));
  expect(await database.rows("SELECT status FROM jobs")).toEqual([{ status: "READY" }]);
});
