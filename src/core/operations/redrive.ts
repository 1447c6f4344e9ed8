import type { SqlStatement } from "../executor.ts";
import type { TableNames } from "../sql/table-names.ts";
import { bulkStatement, bulkText, readBulk } from "../sql/bulk-act.ts";
import type { BulkAnswer } from "../sql/bulk-act.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import type { Connection } from "../sql/run-statement.ts";
import { sendApart } from "../sql/send-apart.ts";
import { waitsUnpicked } from "../sql/waits-unpicked.ts";

/** How jobs are to be redriven. */
export interface RedriveOptions {
  /** Whether they forget what their steps have remembered, and begin anew. @default false: they go on behind them */
  readonly fromStart?: boolean | undefined;
}

/**
 * Of several with one dedupe or debounce key the newest, and none whose key is taken.
 *
 * @param debounces whether the table has debounce keys, which those of older versions have not
 * @param fromStart whether the jobs forget their steps
 */
export const redriveText = ({ jobs, steps }: TableNames, debounces = true, fromStart = false): string =>
  bulkText(
    jobs,
    "NO KEY UPDATE",
    `twins AS MATERIALIZED (
  SELECT h.id, coalesce((SELECT a.id FROM ${jobs} a WHERE a.dedupe_key = h.dedupe_key AND a.status IN ('READY', 'RUNNING') LIMIT 1),
                        nullif(max(h.id) OVER (PARTITION BY h.dedupe_key), h.id)) AS twin
    FROM held h WHERE h.dedupe_key IS NOT NULL${
      debounces
        ? `
   UNION ALL
  SELECT h.id, coalesce((SELECT a.id FROM ${jobs} a WHERE a.debounce_key = h.debounce_key AND ${waitsUnpicked("a")} LIMIT 1),
                        nullif(max(h.id) OVER (PARTITION BY h.debounce_key), h.id))
    FROM (SELECT j.id, j.debounce_key FROM ${jobs} j WHERE j.id = ANY (ARRAY(SELECT id FROM held)) AND j.debounce_key IS NOT NULL) h`
        : ""
    }),
acted AS (
  UPDATE ${jobs} j
     SET status = 'READY', attempts = 0, released = 0, run_after = now(), finished_at = NULL, updated_at = now()${fromStart ? ", steps = NULL" : ""}
   WHERE j.id = ANY (ARRAY(SELECT id FROM held EXCEPT SELECT id FROM twins WHERE twin IS NOT NULL))
  RETURNING j.id)${fromStart ? `,\nforgotten AS (DELETE FROM ${steps} s WHERE s.job_id = ANY (ARRAY(SELECT id FROM acted)))` : ""}`,
    `
 UNION ALL
SELECT 'twin', t.id::text, t.twin::text, NULL FROM twins t WHERE t.twin IS NOT NULL`,
  );

/**
 * Makes FAILED jobs READY, their attempts beginning anew, behind the steps that they have remembered: at most 1,000 in a call, the newest first. CANCELLED ones too,
 * where `statuses` names that state. Of several with one dedupe key it takes the newest, and none whose key is active: the
 * others are left out, and `leftOut` says so. So with a debounce key, which is taken while a job waits that was never picked up.
 *
 * @throws InvalidInputError naming the option.
 * @throws DedupeConflictError where keys of these jobs became active while it ran, five times in a row; nothing was changed.
 */
export async function redrive(
  { connection }: { readonly connection: Connection },
  filter: JobFilter,
  { fromStart = false }: RedriveOptions = {},
): Promise<BulkAnswer> {
  const statement = (debounces: boolean): SqlStatement =>
    bulkStatement(
      redriveText(connection.names, debounces, fromStart),
      filter,
      ["FAILED", "CANCELLED"],
      ["FAILED"],
    );
  return readBulk(await sendApart(connection, "redrive", statement(true), statement(false)), filter);
}
