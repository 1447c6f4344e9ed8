import { defineJob } from "pqrun/producer";

/** What has happened, as its subscriber is told. */
export interface Event {
  readonly type: string;
  readonly data: unknown;
}

/** The contracts alone: the route that enqueues bundles no handler. */
export const jobs = {
  // Nine attempts within a day and a half.
  deliver: defineJob<Event, { readonly status: number }>({ timeoutSeconds: 20, maxAttempts: 9 }),
};
