import { Hono } from "hono";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";

import { createApp } from "../../../examples/hono-node/app.ts";
import type { jobs } from "../../../examples/hono-node/jobs.ts";
import type { Job } from "../../core/job.ts";
import type { Schedule } from "../../core/schedules/schedule-operations.ts";
import type { ScheduleStore } from "../../core/schedules/schedule-store.ts";

/** How many jobs the page lists. */
const NEWEST = 30;

/** The demo's page, and under it the example's API, which tells why a job failed: only this machine reaches it. */
export function createPage(store: ScheduleStore<typeof jobs>): Hono {
  const page = new Hono();
  // The API takes what a form can't send, and clients that send no origin.
  page.use("/enqueue", csrf()).use("/retry/*", csrf());
  page.use(
    secureHeaders({
      strictTransportSecurity: false,
      contentSecurityPolicy: { defaultSrc: ["'none'"], formAction: ["'self'"] },
    }),
  );
  page.get("/", async (c) => {
    const [jobs, { counts }, schedules] = await Promise.all([
      store.list({ limit: NEWEST }),
      store.stats(),
      store.schedules(),
    ]);
    const inStates = Object.entries(counts).map(([status, count]) => `${count} ${status}`);
    return c.html(pageOf(jobs, inStates.join(", "), schedules));
  });
  page.post("/enqueue", async (c) => {
    const { text, path } = await c.req.parseBody();
    if (typeof path === "string" && path !== "") await store.enqueue("summarize", { path });
    else if (typeof text === "string" && text.trim() !== "") await store.enqueue("summarize", { text });
    return c.redirect("/", 303);
  });
  page.post("/retry/:id{[0-9]{1,18}}", async (c) => {
    await store.retry(c.req.param("id"));
    return c.redirect("/", 303);
  });
  page.route("/", createApp(store, { showErrors: true }));
  return page;
}

function pageOf(
  jobs: readonly Job[],
  counts: string,
  schedules: readonly Schedule[],
): ReturnType<typeof html> {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>pqrun demo</title>
      <h1>pqrun demo</h1>
      <p>${counts}. <a href="/">Look again</a></p>
      <form method="post" action="/enqueue">
        <p>
          <label
            >Text to summarize
            <input name="text" size="60" value="One sentence. Another one, which says more."
          /></label>
          <button>Enqueue</button>
        </p>
      </form>
      <form method="post" action="/enqueue">
        <p>
          <label
            >or a Markdown file of the folder <input name="path" size="40" value="no-such-file.md"
          /></label>
          <button>Enqueue</button> (one that is not there fails)
        </p>
      </form>
      <table>
        <caption>
          The newest ${NEWEST} jobs
        </caption>
        <tr>
          <th>Job</th>
          <th>Type</th>
          <th>State</th>
          <th>Attempts</th>
          <th>Schedule</th>
          <th>Error</th>
        </tr>
        ${jobs.map(rowOf)}
      </table>
      ${schedules.map(scheduleOf)}
      <p>
        The same by HTTP: <code>POST /summaries</code> with <code>{text}</code> or <code>{path}</code>,
        <code>POST /relations</code> with <code>{summaryIds}</code>, <code>GET /jobs/:id</code>
      </p>
    </html>`;
}

function scheduleOf({ name, job, cron, nextTick, lastError }: Schedule): ReturnType<typeof html> {
  return html`<p>
    The schedule “${name}” (<code>${cron}</code>) makes a job of the type ${job}:
    ${nextTick === null ? (lastError ?? "paused") : `next at ${nextTick.toISOString()}`}
  </p>`;
}

function rowOf({ id, type, status, attempts, schedule, lastError }: Job): ReturnType<typeof html> {
  const retry = html`<form method="post" action="/retry/${id}"><button>Retry</button></form>`;
  return html`<tr>
    <td><a href="/jobs/${id}">${id}</a></td>
    <td>${type}</td>
    <td>${status}</td>
    <td>${attempts}</td>
    <td>${schedule ?? ""}</td>
    <td>${lastError?.split("\n", 1)[0] ?? ""} ${status === "FAILED" ? retry : ""}</td>
  </tr>`;
}
