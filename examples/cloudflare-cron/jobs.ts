import { defineJob } from "pqrun/producer";

/** What `check` finds at an address. */
export interface Page {
  readonly status: number;
  readonly title: string | null;
}

/** What `crawl` finds on all pages of a list. */
export interface Crawl {
  readonly pages: number;
  readonly titles: number;
}

/** The contracts alone. */
export const jobs = {
  /** 500 pages are more than one invocation may fetch: it goes on in the next, behind the last page that it has. */
  crawl: defineJob<{ readonly url: string; readonly pages: number }, Crawl>({ timeoutSeconds: 600 }),
  check: defineJob<{ readonly url: string }, Page>({ timeoutSeconds: 15, maxAttempts: 4 }),
};
