import { once } from "node:events";
import type { AddressInfo } from "node:net";

import { createAdaptorServer } from "@hono/node-server";
import { Hono } from "hono";
import { html } from "hono/html";
import { afterAll } from "vitest";

import { dashboard, type Access } from "../../src/dashboard/dashboard.ts";
import type { TestQueue } from "../support/queue.ts";

const HOST = "127.0.0.1";

/** Serves a queue's dashboard below /admin, with all rights, and below /viewer and /stranger. */
export async function serveSite({ store }: TestQueue): Promise<string> {
  const app = new Hono();
  for (const [path, access] of Object.entries({ admin: "full", viewer: "read", stranger: false } as const)) {
    app.route(`/${path}`, dashboard({ store, authorize: (): Access => access }));
  }
  // A page that is not the dashboard's, and what it would have a visitor send.
  app.get("/elsewhere/:id", (c) =>
    c.html(
      html`<form method="post" action="http://${HOST}:${new URL(c.req.url).port}/admin/act">
        <input name="what" value="retry" /><input name="id" value="${c.req.param("id")}" /><button>
          Win
        </button>
      </form>`,
    ),
  );
  const server = createAdaptorServer({ fetch: app.fetch });
  server.listen(0, HOST);
  await once(server, "listening");
  afterAll(() => {
    server.close();
    if ("closeAllConnections" in server) server.closeAllConnections();
  });
  return `http://${HOST}:${(server.address() as AddressInfo).port}`;
}

/** A queue that has been at work for an hour, some of it in vain. */
export async function fill(queue: TestQueue): Promise<void> {
  await queue.rows(`INSERT INTO jobs (job_type, status, attempts, created_at, run_after, finished_at, duration_ms, updated_at)
    SELECT (ARRAY['summarize', 'embed', 'relate'])[1 + n % 3], 'DONE', 1, at, at, at + interval '0.4 seconds', 120 + n * 37 % 400, at
      FROM (SELECT n, now() - (3600 - n * 1.2 - 400 * sin(n / 300.0)) * interval '1 second' AS at FROM generate_series(1, 2600) n) t
     WHERE at < now() - interval '1 second'`);
  await queue.rows(`INSERT INTO jobs (job_type, payload, status, attempts, last_error, created_at, run_after, finished_at, duration_ms)
    SELECT 'embed', jsonb_build_object('document', n, 'title', 'Bees & <b>wasps</b>'), 'FAILED', 5,
           CASE n % 3 WHEN 0 THEN E'Error: 429 Too Many Requests\\n    at embed (handlers.ts:41:11)' ELSE E'TypeError: vector is not iterable\\n    at relate (handlers.ts:80:3)' END,
           now() - n * interval '3 minutes', now() - n * interval '3 minutes', now() - n * interval '2 minutes', 90
      FROM generate_series(1, 14) n`);
  await queue.rows(`INSERT INTO jobs (job_type, dedupe_key, payload, run_after, created_at)
    SELECT 'summarize', 'summarize:' || n, jsonb_build_object('path', n || '.md'), now() - n * interval '2 seconds', now() - n * interval '2 seconds' FROM generate_series(1, 23) n`);
  await queue.rows("INSERT INTO jobs (job_type, run_after) VALUES ('digest', now() + interval '5 hours')");
  await queue.rows(`INSERT INTO jobs_schedules (name, job_type, cron, time_zone, declared_by) VALUES
    ('nightly digest', 'digest', '0 3 * * *', 'Asia/Seoul', 'reports'), ('sweep', 'relate', '*/15 * * * *', 'UTC', NULL)`);
  await queue.rows(
    "INSERT INTO jobs_waiting (worker, until) VALUES ('web-1', now() + interval '50 seconds')",
  );
}
