import { NonRetriableError, RetryAfterError, type Handlers } from "pqrun";

import type { jobs } from "./jobs.ts";

const DEFAULT_WAIT_SECONDS = 60;

/** The handlers: `check` reads a page's title. */
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
    const title = /<title[^>]*>([^<]*)<\/title>/i.exec(page)?.[1]?.trim();
    return { status, title: title ?? null };
  },
};
