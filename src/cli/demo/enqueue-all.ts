import type { Store } from "../../../examples/hono-node/app.ts";
import { printable } from "../terminal/printable.ts";
import type { Screen } from "./screen.ts";

/** What {@link enqueueAll} enqueued. */
export interface EnqueuedAll {
  readonly summaryIds: readonly string[];
  readonly relateId: string;
  /** What was asked for while it was active already. */
  readonly duplicates: readonly string[];
}

/**
 * Enqueues one file through the API, as any client would, and then all of them
 * through the store: that one is waiting already, and stays one job.
 */
export async function enqueueAll(
  screen: Screen,
  store: Store,
  url: string,
  paths: readonly string[],
): Promise<EnqueuedAll> {
  const body = JSON.stringify({ path: paths[0] });
  const response = await fetch(`${url}/summaries`, { method: "POST", body });
  screen.heading("One file by HTTP, then all of them in one transaction");
  screen.line(`  POST /summaries ${printable(body)}`);
  screen.line(`       ${response.status} ${printable(await response.text())}`);
  const { summaries, relate } = await store.transaction(async (tx) => {
    const inTransaction = store.with(tx);
    const summaries = await inTransaction.enqueueMany(
      paths.map((path) => ({ type: "summarize", payload: { path }, dedupeKey: `summarize:${path}` })),
    );
    const summaryIds = summaries.map(({ id }) => id);
    return { summaries, relate: await inTransaction.enqueue("relate", { summaryIds }) };
  });
  const created = summaries.filter(({ created }) => created).length;
  screen.line(
    `  store.enqueueMany of ${paths.length} files: ${created} created, ${paths.length - created} waiting already`,
  );
  screen.line(`  store.enqueue("relate"): job ${relate.id}, which needs what all the others make`);
  return {
    summaryIds: summaries.map(({ id }) => id),
    relateId: relate.id,
    duplicates: summaries.flatMap(({ id, created }, place) =>
      created ? [] : [`${printable(paths[place] ?? "")} is job ${id}`],
    ),
  };
}
