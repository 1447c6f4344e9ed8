import type { SqlRow, SqlStatement } from "../executor.ts";
import { NEVER_CACHED, cells, dateOrNull } from "../job.ts";
import { momentText } from "../sql/moment-text.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import { LOOK } from "../sql/small-indexes.ts";
import type { TableNames } from "../sql/table-names.ts";

/** A worker that runs jobs, or waits for some. */
export interface WorkerRow {
  /** Its readable id. */
  readonly worker: string;
  /** How many jobs it holds. */
  readonly running: number;
  /** Since when it has held the first of them. */
  readonly oldestLockedAt: Date | null;
  /** When the first of its leases ends, unless it extends it. */
  readonly leaseEndsAt: Date | null;
  /** Until when it sleeps, unless a NOTIFY wakes it; null where it does not say. */
  readonly waitsUntil: Date | null;
}

/** The nonce that ends `locked_by`, and the name of who waits: no part of the worker's id. */
const NONCE = ":[0-9a-f]{8}-[0-9a-f-]{27}$";

/** Of the RUNNING jobs the newest, up to a bound. */
export const workersText = ({ jobs, waiting }: TableNames): string => `${NEVER_CACHED}
SELECT w.worker AS a, sum(w.n)::text AS b, ${momentText("min(w.locked_at)")} AS c, ${momentText("min(w.ends)")} AS d, ${momentText("max(w.until)")} AS e
  FROM (SELECT regexp_replace(coalesce(j.locked_by, ''), '${NONCE}', '') AS worker, 1 AS n, j.locked_at, j.lease_expires_at AS ends, NULL::timestamptz AS until
          FROM (SELECT j.locked_by, j.locked_at, j.lease_expires_at FROM ${jobs} j WHERE j.status = 'RUNNING' ORDER BY j.id DESC LIMIT ${LOOK}) j
         UNION ALL
        SELECT regexp_replace(w.worker, '${NONCE}', ''), 0, NULL, NULL, w.until FROM ${waiting} w WHERE w.until > now()) w
 GROUP BY w.worker ORDER BY w.worker`;

/** Who runs jobs, and who waits for some. */
export function workersStatement(names: TableNames): SqlStatement {
  return { text: workersText(names), params: [] };
}

/** Reads one row a worker. */
export function readWorkers(rows: readonly SqlRow[]): readonly WorkerRow[] {
  return rows.map(cells).map(([worker, running, lockedAt, ends, until]) => ({
    worker: worker ?? "",
    running: Number(running),
    oldestLockedAt: dateOrNull(lockedAt),
    leaseEndsAt: dateOrNull(ends),
    waitsUntil: dateOrNull(until),
  }));
}

/** The workers and drains that hold jobs now, of the newest 2,000 that run, and the workers that wait for a NOTIFY. */
export async function workers({
  connection,
}: {
  readonly connection: Connection;
}): Promise<readonly WorkerRow[]> {
  const statement = workersStatement(connection.names);
  return readWorkers(await send(connection, "workers", statement, { reads: true }));
}
