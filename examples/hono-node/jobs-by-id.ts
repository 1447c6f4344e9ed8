import type { Job } from "pqrun";

import type { Store } from "./app.ts";
import type { jobs } from "./jobs.ts";

/** The most that one list takes. */
const PAGE = 1_000;

/** The jobs of one type with these ids, newest first, a thousand ids to a statement. Pruned ones are missing. */
export async function jobsById(
  store: Store,
  type: keyof typeof jobs,
  ids: readonly string[],
): Promise<Job[]> {
  const wanted = [...new Set(ids)];
  const found: Job[] = [];
  for (let from = 0; from < wanted.length; from += PAGE) {
    const some = wanted.slice(from, from + PAGE);
    found.push(...(await store.list({ types: [type], ids: some, limit: PAGE })));
  }
  return found.sort((a, b) => (BigInt(a.id) < BigInt(b.id) ? 1 : -1));
}
