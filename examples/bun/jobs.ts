import { defineJob } from "pqrun/producer";

/** What `render` makes of a text. */
export interface Page {
  /** Its first heading. */
  readonly title: string | null;
  readonly html: string;
}

/** The contracts alone. */
export const jobs = {
  render: defineJob<{ readonly markdown: string }, Page>({ timeoutSeconds: 30 }),
};
