import type { Job } from "pqrun";

import type { Store } from "./app.ts";
import type { jobs } from "./jobs.ts";

const PAGE = 1_000;

/** The jobs of one type with these ids, newest first, a thousand rows to a statement. Pruned ones are missing. */
export async function jobsById(
  store: Store,
  type: keyof typeof jobs,
  ids: readonly string[],
): Promise<Job[]> {
  const wanted = new Set(ids);
  const oldest = ids.map(BigInt).reduce((least, id) => (id < least ? id : least), BigInt(ids[0] ?? 0));
  const found: Job[] = [];
  let beforeId: string | undefined;
  while (found.length < wanted.size) {
    const page = await store.list({ types: [type], beforeId, limit: PAGE });
    found.push(...page.filter(({ id }) => wanted.has(id)));
    beforeId = page.at(-1)?.id;
    // Ids ascend: what is older than all of them is none of them.
    if (page.length < PAGE || BigInt(beforeId ?? 0) <= oldest) break;
  }
  return found;
}
