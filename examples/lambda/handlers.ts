import { NonRetriableError, type Handlers } from "pqrun";

import type { jobs } from "./jobs.ts";

/** As many jobs as one statement enqueues. */
const MOST = 10_000;

/** The handlers, for the site at `siteUrl` and no other. */
export function createHandlers(siteUrl: string): Handlers<typeof jobs> {
  const { origin } = new URL(siteUrl);
  return {
    sitemap: async ({ signal, store }) => {
      const xml = await (await get(`${origin}/sitemap.xml`, signal)).text();
      const urls = [...xml.matchAll(/<loc>\s*([^<]+?)\s*<\/loc>/g)]
        .map(([, url = ""]) => url.replaceAll("&amp;", "&"))
        .filter((url) => URL.canParse(url) && new URL(url).origin === origin);
      for (let from = 0; from < urls.length; from += MOST) {
        await store.enqueueMany(
          urls
            .slice(from, from + MOST)
            .map((url) => ({ type: "page", payload: { url }, dedupeKey: `page:${url}` })),
        );
      }
      return { pages: urls.length };
    },

    page: async ({ payload, signal }) => {
      const start = performance.now();
      const response = await get(payload.url, signal);
      await response.arrayBuffer();
      return { status: response.status, tookMs: Math.round(performance.now() - start) };
    },
  };
}

/** @throws NonRetriableError for what will not be there at the next attempt either. */
async function get(url: string, signal: AbortSignal): Promise<Response> {
  const response = await fetch(url, { signal });
  const { ok, status } = response;
  if (ok) return response;
  await response.body?.cancel();
  if (status === 404 || status === 410) throw new NonRetriableError(`status ${status}`);
  throw new Error(`status ${status}`);
}
