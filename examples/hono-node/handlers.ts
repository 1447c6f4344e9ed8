import { RetryAfterError, type Handlers, type Job } from "pqrun";

import { documents, titleOf } from "./documents.ts";
import { jobsById } from "./jobs-by-id.ts";
import type { Embedding, Source, Summary, jobs } from "./jobs.ts";
import { closestPairs, type NamedVector } from "./text/closest-pairs.ts";
import { embed } from "./text/embed.ts";
import { proseOf } from "./text/markdown.ts";
import { summarize } from "./text/summarize.ts";

/** The handlers. `folder` holds the documents that a payload may name; undefined lets it name none. */
export function createHandlers(folder: string | undefined): Handlers<typeof jobs> {
  const read = documents(folder);
  return {
    summarize: async ({ payload, job, store }) => {
      const markdown = await read(payload);
      const summary = summarize(proseOf(markdown));
      // At least once is sometimes twice: the key keeps a second attempt from starting a second chain.
      const dedupeKey = `embed:${job.id}`;
      const { id: embedId } = await store.enqueue("embed", { source: payload }, { dedupeKey });
      return { title: titleOf(markdown, payload), ...summary, embedId };
    },

    embed: async ({ payload }) => ({ vector: embed(proseOf(await read(payload.source)).join("\n")) }),

    relate: async ({ payload, store }) => {
      const summaries = await jobsById(store, "summarize", payload.summaryIds);
      const documents = summaries.filter(isDone).map(({ payload: source, result }) => ({
        source: source as Source,
        summary: result as Summary,
      }));
      const embedIds = documents.map(({ summary }) => summary.embedId);
      const embeddings = await jobsById(store, "embed", embedIds);
      const done = embeddings.filter(isDone);
      if ([...summaries, ...embeddings].some(isActive)) {
        // Other jobs are still at work on what this one needs. It counts as a failed attempt,
        // where a SnoozeError would not, so that it ends some day even if they never do.
        throw new RetryAfterError(1_000, `${done.length} of ${payload.summaryIds.length} vectors are there`);
      }
      const vectors = new Map(done.map(({ id, result }) => [id, (result as Embedding).vector]));
      const named = documents.flatMap(({ source, summary }): NamedVector[] => {
        const vector = vectors.get(summary.embedId);
        return vector === undefined ? [] : [{ name: "path" in source ? source.path : summary.title, vector }];
      });
      return { pairs: closestPairs(named) };
    },
  };
}

function isDone({ status }: Job): boolean {
  return status === "DONE";
}

/** One that FAILED or was cancelled is not waited for. */
function isActive({ status }: Job): boolean {
  return status === "READY" || status === "RUNNING";
}
