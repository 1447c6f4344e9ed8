import type { SqlExecutor } from "../../src/core/executor.ts";

/** What was visible, and when, before a drain began. */
export interface Before {
  readonly snapshot: string;
  readonly ms: string;
}

/** Takes note of what is visible now. */
export async function snapshotNow(executor: SqlExecutor<unknown>): Promise<Before> {
  const [row] = await executor.query(
    `SELECT pg_current_snapshot()::text AS snapshot, floor(extract(epoch FROM now()) * 1000)::int8::text AS ms`,
  );
  return { snapshot: String(row?.["snapshot"]), ms: String(row?.["ms"]) };
}

/**
 * The ids of jobs that were due then, and have not been touched since: nobody has had them for a moment, and nobody has
 * locked them now. Whoever said meanwhile that nothing is due has not told the truth. What triggers refuse is left out.
 */
export async function stillDue(
  executor: SqlExecutor<unknown>,
  types: readonly string[],
  { snapshot, ms }: Before,
): Promise<readonly string[]> {
  const rows = await executor.query(
    `SELECT id::text AS id FROM public.jobs
      WHERE status = 'READY' AND job_type = ANY (string_to_array($1::text, ',')) AND NOT payload ? 'deny'
        AND run_after <= to_timestamp($3::text::int8 / 1000.0)
        AND pg_visible_in_snapshot(xmin::text::xid8, $2::text::pg_snapshot)
      ORDER BY id LIMIT 3 FOR UPDATE SKIP LOCKED`,
    [types.join(","), snapshot, ms],
  );
  return rows.map((row) => String(row["id"]));
}
