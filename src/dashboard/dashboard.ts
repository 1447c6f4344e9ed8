import { Hono } from "hono";
import type { Context, Env } from "hono";

import { isSameOrigin, rightsOf, securityHeaders } from "./access.ts";
import { act, rightFor } from "./act.ts";
import { layout } from "./layout.ts";
import { checkDashboardOptions } from "./options.ts";
import type { DashboardOptions } from "./options.ts";
import { confirmPage } from "./pages/confirm.ts";
import { errorPage } from "./pages/error.ts";
import { failuresPage } from "./pages/failures.ts";
import { jobPage } from "./pages/job.ts";
import { jobsPage } from "./pages/jobs.ts";
import { live, overviewPage } from "./pages/overview.ts";
import { schedulesPage } from "./pages/schedules.ts";
import { workersPage } from "./pages/workers.ts";
import { rootFrom } from "./view.ts";
import type { Page, View } from "./view.ts";

export type {
  Access,
  DashboardAction,
  DashboardLink,
  DashboardOptions,
  DashboardStore,
  Rights,
} from "./options.ts";

const PAGES = {
  "/": overviewPage,
  // Behind a slash, too.
  "/:slash{$}": overviewPage,
  "/jobs": jobsPage,
  "/failures": failuresPage,
  "/schedules": schedulesPage,
  "/workers": workersPage,
  "/confirm": confirmPage,
} as const satisfies Record<string, (view: View) => Promise<Page>>;

/**
 * A dashboard over a queue, as a Hono application to mount below any path: no build, no files, no cookie, nothing stored.
 *
 * ```ts
 * app.route("/admin/jobs", dashboard({ store, authorize: (c) => (isAdmin(c) ? "full" : false) }));
 * ```
 *
 * It runs where Hono runs, works with JavaScript off, and shows whatever text a job holds as text. What it links to and
 * where its forms go is relative to where it stands.
 *
 * @throws InvalidInputError without `authorize`, or for an option that can't be.
 */
export function dashboard<E extends Env = Env>(options: DashboardOptions<E>): Hono<E> {
  checkDashboardOptions(options);
  const app = new Hono<E>();

  const viewOf = async (c: Context<E>, pattern: string): Promise<View | Response> => {
    const nonce = crypto.randomUUID();
    for (const [name, value] of Object.entries(securityHeaders(nonce))) c.header(name, value);
    const rights = rightsOf(await options.authorize(c));
    if (rights === undefined) return c.text("You have no access to this dashboard.", 403);
    const url = new URL(c.req.url);
    return {
      store: typeof options.store === "function" ? await options.store(c) : options.store,
      rights,
      options,
      root: rootFrom(url.pathname, pattern),
      nonce,
      query: url.searchParams,
    };
  };

  const page = (pattern: string, of: (view: View, c: Context<E>) => Promise<Page>): void => {
    app.get(pattern, async (c) => {
      const view = await viewOf(c, pattern);
      if (view instanceof Response) return view;
      const shown = await of(view, c).catch(errorPage);
      return c.html(layout(view, shown), shown.status ?? 200);
    });
  };
  for (const [pattern, of] of Object.entries(PAGES)) page(pattern, of);
  page("/jobs/:id{-?[0-9]{1,18}}", (view, c) => jobPage(view, c.req.param("id") ?? ""));

  app.get("/live", async (c) => {
    const view = await viewOf(c, "/live");
    return view instanceof Response ? view : c.json(await live(view));
  });

  app.post("/act", async (c) => {
    const view = await viewOf(c, "/act");
    if (view instanceof Response) return view;
    if (!isSameOrigin(c.req.raw)) return c.text("The dashboard has not sent this form.", 403);
    const fields = new URLSearchParams(await c.req.text());
    const what = fields.get("what") ?? "";
    const right = rightFor(what);
    if (right !== undefined && view.rights[right] !== true) return c.text("You may not do this.", 403);
    const done = await act(view, what, fields);
    if (done === undefined) return c.text("Nothing to do: select a job.", 400);
    await options.onAction?.({ ...done.action, c });
    return c.redirect(view.root + done.to, 303);
  });

  return app;
}
