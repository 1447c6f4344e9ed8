import type { SqlRow, SqlStatement } from "../executor.ts";
import { NEVER_CACHED, cells, dateOf, isJobStatus, numberOrNull } from "../job.ts";
import type { JobStatus } from "../job.ts";
import { momentText } from "../sql/moment-text.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import type { TableNames } from "../sql/table-names.ts";

/** What an overview shows of one type: a type without a READY, RUNNING or FAILED job is left out. */
export interface TypeOverview {
  readonly type: string;
  readonly ready: number;
  /** READY jobs that are due. */
  readonly due: number;
  /** How long the oldest of them has been due, in seconds; null where none is. */
  readonly oldestDueSeconds: number | null;
  readonly running: number;
  readonly failed: number;
}

/** What waits, runs and has failed. */
export interface Overview extends Omit<TypeOverview, "type"> {
  /** RUNNING jobs whose lease has ended: the next reap makes them READY. */
  readonly leasesEnded: number;
  /** By name. */
  readonly types: readonly TypeOverview[];
  /**
   * The states that have more jobs than are counted, which is 10,000, shared out among the types: their numbers are lower
   * bounds. READY goes for `due` too, RUNNING for `leasesEnded`; `oldestDueSeconds` is exact as ever.
   */
  readonly atLeast: readonly ("READY" | "RUNNING" | "FAILED")[];
  /** When, by the database's clock. */
  readonly at: Date;
}

/** How many jobs of a state are counted, and in how many types. */
const MOST_COUNTED = 10_000;
const MOST_TYPES = 200;

/**
 * Reads indexes alone, and never those of finished jobs but for the FAILED ones: what succeeds is not looked at, however
 * much of it there is.
 *
 * A state's jobs are counted as they stand in its index, up to a bound. Where there are more, its types are walked, each
 * to its share of the bound; then the oldest due job of each is found in two probes: the first of the usual priority, and
 * the first in the index of what has another.
 */
export const overviewText = ({ jobs }: TableNames): string => {
  const flat = (status: string, columns: string, order: string): string =>
    `(SELECT ${columns} FROM ${jobs} j WHERE j.status = '${status}' ORDER BY ${order} LIMIT ${MOST_COUNTED} + 1)`;
  const orders = { READY: "j.job_type, j.priority DESC, j.run_after, j.id", FAILED: "j.job_type, j.id" };
  const many = (of: string): string => `(SELECT count(*) > ${MOST_COUNTED} FROM ${of})`;
  const first = (status: keyof typeof orders, more: string): string =>
    `SELECT j.job_type FROM ${jobs} j WHERE j.status = '${status}' AND ${more} ORDER BY ${orders[status]} LIMIT 1`;
  const walk = (name: string, status: keyof typeof orders): string => `${name} (type, n) AS (
  SELECT * FROM (SELECT (${first(status, many(status.toLowerCase()))}), 1) f
   UNION ALL
  SELECT (${first(status, "j.job_type > w.type")}), w.n + 1 FROM ${name} w WHERE w.type IS NOT NULL AND w.n < ${MOST_TYPES})`;
  const share = (name: string): string => `(SELECT ${MOST_COUNTED} / greatest(1, count(type)) FROM ${name})`;
  const late = "j.run_after <= now()";
  const oldest = (more: string, order: string): string =>
    `(SELECT j.run_after FROM ${jobs} j
       WHERE j.status = 'READY' AND j.job_type BETWEEN w.type AND w.type AND ${more}
         AND j.run_after > '-infinity' AND ${late} ORDER BY ${order} LIMIT 1)`;
  const ofType = (name: string, status: keyof typeof orders, columns: string): string =>
    `${name} w CROSS JOIN LATERAL (
    SELECT count(*) AS n, ${columns} FROM (
      SELECT j.run_after FROM ${jobs} j WHERE j.status = '${status}' AND j.job_type BETWEEN w.type AND w.type
       ORDER BY ${orders[status]} LIMIT ${share(name)}) j) c WHERE w.type IS NOT NULL`;
  const age = (moment: string): string => `(1000000 * extract(epoch FROM now() - ${moment}))::int8::text`;
  return `${NEVER_CACHED}
WITH RECURSIVE ready AS MATERIALIZED ${flat("READY", "j.job_type, j.run_after", orders.READY)},
failed AS MATERIALIZED ${flat("FAILED", "j.job_type", orders.FAILED)},
running AS MATERIALIZED ${flat("RUNNING", "j.job_type, j.lease_holder = j.locked_by AND j.lease_expires_at <= now() AS ended", "j.id")},
${walk("ready_types", "READY")},
${walk("failed_types", "FAILED")}
SELECT 'at' AS a, ${momentText("now()")} AS b, NULL AS c, NULL AS d, NULL AS e
 UNION ALL
SELECT 'READY', j.job_type, count(*)::text, count(*) FILTER (WHERE ${late})::text,
       ${age(`min(j.run_after) FILTER (WHERE ${late} AND isfinite(j.run_after))`)}
  FROM ready j WHERE NOT ${many("ready")} GROUP BY j.job_type
 UNION ALL
SELECT 'READY', w.type, c.n::text, c.due::text,
       ${age(`least(${oldest("j.priority = 0", orders.READY)}, ${oldest("j.priority <> 0", "j.job_type, j.run_after, j.priority")})`)}
  FROM ${ofType("ready_types", "READY", `count(*) FILTER (WHERE ${late}) AS due`)}
 UNION ALL
SELECT 'FAILED', j.job_type, count(*)::text, NULL, NULL FROM failed j WHERE NOT ${many("failed")} GROUP BY j.job_type
 UNION ALL
SELECT 'FAILED', w.type, c.n::text, NULL, NULL FROM ${ofType("failed_types", "FAILED", "NULL")}
 UNION ALL
SELECT 'RUNNING', j.job_type, count(*)::text, (count(*) FILTER (WHERE j.ended))::text, NULL FROM running j GROUP BY j.job_type
 UNION ALL
SELECT 'atLeast', s.status, NULL, NULL, NULL
  FROM (VALUES ('READY', ${many("ready")}), ('RUNNING', ${many("running")}), ('FAILED', ${many("failed")})) s (status, many) WHERE s.many`;
};

/** What waits, runs and has failed. */
export function overviewStatement(names: TableNames): SqlStatement {
  return { text: overviewText(names), params: [] };
}

/** Reads a row for each type and state, one for the time, and one for each state that has more. */
export function readOverview(rows: readonly SqlRow[]): Overview {
  // Types are users' text, and `__proto__` is one.
  const types = new Map<string, TypeOverview>();
  const none = { ready: 0, due: 0, oldestDueSeconds: null, running: 0, failed: 0 };
  const all = { ...none, oldestDueSeconds: null as number | null, leasesEnded: 0 };
  const atLeast: (JobStatus & keyof typeof FIELDS)[] = [];
  let at = new Date(0);
  for (const [kind, name, n, some, age] of rows.map(cells)) {
    if (kind === "at") at = dateOf(name);
    if (kind === "atLeast" && isCounted(name)) atLeast.push(name);
    if (!isCounted(kind)) continue;
    const type = name ?? "";
    const before = types.get(type) ?? { type, ...none };
    const microseconds = numberOrNull(age);
    const oldestDueSeconds = microseconds === null ? null : microseconds / 1_000_000;
    const ready = kind === "READY" ? { due: Number(some), oldestDueSeconds } : {};
    types.set(type, { ...before, [FIELDS[kind]]: Number(n), ...ready });
    all[FIELDS[kind]] += Number(n);
    if (kind === "RUNNING") all.leasesEnded += Number(some);
    if (kind !== "READY") continue;
    all.due += Number(some);
    if (oldestDueSeconds !== null)
      all.oldestDueSeconds = Math.max(all.oldestDueSeconds ?? 0, oldestDueSeconds);
  }
  return { ...all, types: [...types.values()].sort((a, b) => (a.type < b.type ? -1 : 1)), atLeast, at };
}

/** The field that has a state's number. */
const FIELDS = { READY: "ready", RUNNING: "running", FAILED: "failed" } as const;

function isCounted(status: string | null | undefined): status is keyof typeof FIELDS {
  return isJobStatus(status) && Object.hasOwn(FIELDS, status);
}

/**
 * What waits, runs and has failed, by type: a few milliseconds at the most, and one where little waits, however many jobs
 * have finished.
 */
export async function overview({ connection }: { readonly connection: Connection }): Promise<Overview> {
  const statement = overviewStatement(connection.names);
  return readOverview(await send(connection, "overview", statement, { reads: true }));
}
