import { Hono } from "hono";

import { dashboard, type DashboardOptions } from "../../src/dashboard/dashboard.ts";

/** The origin of a dashboard under test. */
export const SITE = "http://localhost";
/** Where it is mounted. */
export const BASE = "/admin/jobs";

/** A dashboard as a browser meets it. */
export interface Browser {
  get(path?: string): Promise<Response>;
  /** The page's HTML, which must be there. */
  page(path?: string): Promise<string>;
  /** Sends a form, from a page of the same site unless headers say otherwise. */
  post(
    fields: Readonly<Record<string, string>> | URLSearchParams,
    headers?: Readonly<Record<string, string>>,
  ): Promise<Response>;
  /** As `post`, and the page that the browser is sent on to. */
  act(fields: Readonly<Record<string, string>> | URLSearchParams): Promise<string>;
}

/** Mounts a dashboard below a path of an application, and looks at it without a network. */
export function browse(options: DashboardOptions): Browser {
  const app = new Hono().route(BASE, dashboard(options));
  const get = async (path = ""): Promise<Response> => await app.request(SITE + BASE + path);
  const page = async (path = ""): Promise<string> => {
    const response = await get(path);
    const text = await response.text();
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${text}`);
    return text;
  };
  const post: Browser["post"] = async (fields, headers = { "sec-fetch-site": "same-origin" }) =>
    await app.request(`${SITE}${BASE}/act`, { method: "POST", headers, body: new URLSearchParams(fields) });
  return {
    get,
    page,
    post,
    act: async (fields) => {
      const response = await post(fields);
      if (response.status !== 303) throw new Error(`${response.status} ${await response.text()}`);
      const to = new URL(response.headers.get("location") ?? "", `${SITE}${BASE}/act`);
      return await page(to.pathname.slice(BASE.length) + to.search);
    },
  };
}

/** The text of a page as a reader has it, on one line. */
export function textOf(page: string): string {
  return page
    .replace(/<(style|script)\b.*?<\/\1>/gs, "")
    .replace(/<[^>]*>/g, " ")
    .replace(/&(lt|gt|amp|quot|#39);/g, (_, name: string) => ENTITIES[name] ?? "")
    .replace(/\s+/g, " ");
}

const ENTITIES: Readonly<Record<string, string>> = { lt: "<", gt: ">", amp: "&", quot: '"', "#39": "'" };
