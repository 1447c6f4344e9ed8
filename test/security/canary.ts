import { expect } from "vitest";

import type { TestQueue } from "../support/queue.ts";

/** Plants a table that the corpus's SQL would drop or empty. */
export async function plantCanary(queue: Pick<TestQueue, "rows">): Promise<void> {
  await queue.rows("CREATE TABLE canary AS SELECT 'alive' AS song");
}

/** What is in the database beside the queue: the canary alone, with its row. */
export async function expectCanary(queue: Pick<TestQueue, "rows">): Promise<void> {
  expect(await queue.rows("SELECT song FROM canary")).toEqual([{ song: "alive" }]);
}

/** Every relation, function, type and schema of the database's own, in one text. */
export async function objects(queue: Pick<TestQueue, "rows">): Promise<unknown> {
  return queue.rows(`
    SELECT 'relation' AS kind, c.oid::text, c.relname::text AS name FROM pg_class c WHERE c.oid >= 16384 AND c.relkind IN ('r', 'v', 'S', 'm')
    UNION ALL SELECT 'function', p.oid::text, p.proname::text FROM pg_proc p WHERE p.oid >= 16384
    UNION ALL SELECT 'schema', n.oid::text, n.nspname::text FROM pg_namespace n WHERE n.oid >= 16384 AND n.nspname !~ '^pg_'
    ORDER BY 1, 2`);
}
