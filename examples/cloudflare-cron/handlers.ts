import { NonRetriableError, RetryAfterError, type Handlers } from "pqrun";

import type { jobs } from "./jobs.ts";

const DEFAULT_WAIT_SECONDS = 60;

/** The handlers: `check` reads a page's title, `crawl` those of many, each once, over as many invocations as it takes. */
export const handlers: Handlers<typeof jobs> = {
  check: async ({ payload, signal }) => {
    // Each redirect that is followed would be one more subrequest.
    const response = await fetch(payload.url, { signal, redirect: "manual" });
    const { status } = response;
    const page = await response.text();
    if (status === 429 || status === 503) {
      const seconds = Number(response.headers.get("retry-after") ?? DEFAULT_WAIT_SECONDS);
      throw new RetryAfterError(
        (Number.isFinite(seconds) ? seconds : DEFAULT_WAIT_SECONDS) * 1000,
        `status ${status}`,
      );
    }
    if (status >= 500) throw new Error(`status ${status}`);
    if (status >= 400) throw new NonRetriableError(`status ${status}`);
    return { status, title: titleOf(page) };
  },
  crawl: async ({ payload: { url, pages }, signal, step }) => {
    let titles = 0;
    for (let n = 1; n <= pages; n += 1) {
      const title = await step(`page ${n}`, async () => {
        const response = await fetch(`${url}?page=${n}`, { signal, redirect: "manual" });
        return titleOf(await response.text());
      });
      if (title !== null) titles += 1;
    }
    return { pages, titles };
  },
};

function titleOf(page: string): string | null {
  return /<title[^>]*>([^<]*)<\/title>/i.exec(page)?.[1]?.trim() ?? null;
}
