import { defineJob } from "pqrun/producer";

/** What to summarize: a text, or a Markdown file of the documents' folder. */
export type Source = { readonly text: string } | { readonly path: string };

/** What `summarize` leaves behind. */
export interface Summary {
  readonly title: string;
  readonly words: number;
  readonly sentences: number;
  /** The sentences that say most, the best one first. */
  readonly top: readonly string[];
  /** The job that turns the document into a vector. */
  readonly embedId: string;
}

/** What `embed` leaves behind. */
export interface Embedding {
  /** Of length 1. */
  readonly vector: readonly number[];
}

/** What `relate` leaves behind: the pairs that are most alike, the closest one first. */
export interface Relations {
  readonly pairs: readonly { readonly a: string; readonly b: string; readonly likeness: number }[];
}

/** The contracts alone: an API that only enqueues bundles none of the handlers. */
export const jobs = {
  summarize: defineJob<Source, Summary>({ timeoutSeconds: 60 }),
  embed: defineJob<{ readonly source: Source }, Embedding>({ timeoutSeconds: 60 }),
  // Waits for its vectors by trying again each second, so ten minutes in all.
  relate: defineJob<{ readonly summaryIds: readonly string[] }, Relations>({
    timeoutSeconds: 60,
    maxAttempts: 600,
  }),
};
