import { Hono, type Context } from "hono";
import { csrf } from "hono/csrf";
import { html } from "hono/html";
import { secureHeaders } from "hono/secure-headers";

import { createApp, type Store } from "../../../examples/hono-node/app.ts";
import { dashboard, type Access } from "../../dashboard/dashboard.ts";

/** Where the demo's dashboard is. */
export const DASHBOARD = "/dashboard";

/**
 * The dashboard over the demo, a page that enqueues, and the example's API, which tells why a job failed: only this
 * machine reaches them.
 */
export function createPage(store: Store): Hono {
  const page = new Hono();
  page.get("/", (c) => c.redirect(DASHBOARD));
  page.route(
    DASHBOARD,
    dashboard({ store, authorize: ofThisMachine, home: { label: "Enqueue", href: "/enqueue" } }),
  );
  // The API takes what a form can't send, and clients that send no origin.
  page.use("/enqueue", csrf());
  page.use(
    "/enqueue",
    secureHeaders({
      strictTransportSecurity: false,
      contentSecurityPolicy: { defaultSrc: ["'none'"], formAction: ["'self'"] },
    }),
  );
  page.get("/enqueue", (c) => c.html(enqueuePage()));
  page.post("/enqueue", async (c) => {
    const { text, path } = await c.req.parseBody();
    if (typeof path === "string" && path !== "") await store.enqueue("summarize", { path });
    else if (typeof text === "string" && text.trim() !== "") await store.enqueue("summarize", { text });
    return c.redirect(`${DASHBOARD}/jobs`, 303);
  });
  page.route("/", createApp(store, { showErrors: true }));
  return page;
}

/** A page of the web whose name leads here could read and act as if it were ours: it would be asked for by that name. */
function ofThisMachine(c: Context): Access {
  return /^(?:127\.0\.0\.1|localhost)(?::\d+)?$/.test(new URL(c.req.url).host) ? "full" : false;
}

function enqueuePage(): ReturnType<typeof html> {
  return html`<!doctype html>
    <html lang="en">
      <meta charset="utf-8" />
      <meta name="viewport" content="width=device-width" />
      <title>Enqueue · pqrun demo</title>
      <h1>Enqueue</h1>
      <p><a href="${DASHBOARD}">Back to the dashboard</a></p>
      <form method="post">
        <p>
          <label
            >Text to summarize
            <input name="text" size="60" value="One sentence. Another one, which says more."
          /></label>
          <button>Enqueue</button>
        </p>
      </form>
      <form method="post">
        <p>
          <label
            >or a Markdown file of the folder <input name="path" size="40" value="no-such-file.md"
          /></label>
          <button>Enqueue</button> (one that is not there fails)
        </p>
      </form>
      <p>
        The same by HTTP: <code>POST /summaries</code> with <code>{text}</code> or <code>{path}</code>,
        <code>POST /relations</code> with <code>{summaryIds}</code>, <code>GET /jobs/:id</code>
      </p>
    </html>`;
}
