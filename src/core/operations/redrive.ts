import type { TableNames } from "../sql/table-names.ts";
import { bulkStatement, bulkText, readBulk } from "../sql/bulk-act.ts";
import type { BulkAnswer } from "../sql/bulk-act.ts";
import type { JobFilter } from "../sql/matching-jobs.ts";
import type { Connection } from "../sql/run-statement.ts";
import { sendApart } from "../sql/send-apart.ts";

/** How jobs are to be redriven. */
export interface RedriveOptions {
  /** Whether they forget what their steps have remembered, and begin anew. @default false: they go on behind them */
  readonly fromStart?: boolean | undefined;
}

/** Of several with one dedupe key the newest, and none whose key is active. */
export const redriveText = ({ jobs, steps }: TableNames, fromStart = false): string =>
  bulkText(
    jobs,
    "NO KEY UPDATE",
    `twins AS MATERIALIZED (
  SELECT h.id, coalesce((SELECT a.id FROM ${jobs} a WHERE a.dedupe_key = h.dedupe_key AND a.status IN ('READY', 'RUNNING') LIMIT 1),
                        nullif(max(h.id) OVER (PARTITION BY h.dedupe_key), h.id)) AS twin
    FROM held h WHERE h.dedupe_key IS NOT NULL),
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
 * others are left out, and `leftOut` says so.
 *
 * @throws InvalidInputError naming the option.
 * @throws DedupeConflictError where keys of these jobs became active while it ran, five times in a row; nothing was changed.
 */
export async function redrive(
  { connection }: { readonly connection: Connection },
  filter: JobFilter,
  { fromStart = false }: RedriveOptions = {},
): Promise<BulkAnswer> {
  const statement = bulkStatement(
    redriveText(connection.names, fromStart),
    filter,
    ["FAILED", "CANCELLED"],
    ["FAILED"],
  );
  return readBulk(await sendApart(connection, "redrive", statement), filter);
}
