import { defineJob } from "pqrun/producer";

/** What `check` finds at an address. */
export interface Page {
  readonly status: number;
  readonly title: string | null;
}

/** The contracts alone. */
export const jobs = {
  check: defineJob<{ readonly url: string }, Page>({ timeoutSeconds: 15, maxAttempts: 4 }),
};
