import { defineJob } from "pqrun/producer";

/** The contracts alone. */
export const jobs = {
  /** Reads the site's map, and enqueues a `page` for each address on it. */
  sitemap: defineJob<Record<string, never>, { readonly pages: number }>({ timeoutSeconds: 60 }),
  /** Asks for a page, so that the caches before the site have it. */
  page: defineJob<{ readonly url: string }, { readonly status: number; readonly tookMs: number }>({
    timeoutSeconds: 20,
    maxAttempts: 3,
  }),
};
