import { clause } from "./clause.ts";
import type { LimitMode, TurnVariant } from "./clause.ts";
import { OPENS_AT, blockedText } from "./gate.ts";
import { inLanes, lanesText } from "./lanes.ts";
import { whichJobs } from "./pick-up.ts";

/**
 * What a worker that is about to sleep must know, by `lanes`, all priorities that the types have. It is asked only where
 * nothing more is due, and not at all by a turn that only settles: such a one runs beside others.
 */
export const sleep = clause({
  parameters: {},
  encode: () => ({}),
  text: ({ names, limits }) => lanesText(names, waitedTypes(limits)),
});

function waitedTypes(limits: LimitMode): string {
  return limits === "kept" ? "waited_types" : "wanted_types";
}

/** Whether something is due that another transaction has locked, and the ms until the next is due, and until the next lease ends. */
export function sleepColumns(
  variant: TurnVariant,
): Readonly<Record<"dueElsewhere" | "nextDueInMs" | "nextLeaseEndInMs", string>> {
  const {
    names: { jobs },
    scope,
    depth,
    limits,
  } = variant;
  const kept = limits === "kept";
  const types = waitedTypes(limits);
  const reaps = scope !== "pick-up";
  const due = (from: string, condition: string): string => `EXISTS (SELECT 1 FROM ${from}, LATERAL (
           SELECT 1 FROM ${jobs} j
            WHERE j.status = 'READY' AND ${condition} AND j.run_after <= now()${whichJobs(scope)}
            -- Any one will do; the order forbids a sequential scan that hopes to meet one soon.
            ORDER BY j.run_after LIMIT 1) due)`;
  return {
    dueElsewhere: `CASE WHEN NOT (SELECT more FROM backlog) AND ${kept ? `${blockedText(variant)} THEN true WHEN ` : ""}NOT EXISTS (SELECT 1 FROM candidates) THEN
         ${inLanes(depth, due, "\n         OR ", types)}
       END::text`,
    nextDueInMs: `CASE WHEN NOT (SELECT more FROM backlog) THEN
         ceil(1000 * (least(${upcoming(variant).join(",\n               ")})
         - extract(epoch FROM now())))::int8
       END::text`,
    nextLeaseEndInMs: `CASE WHEN NOT (SELECT more FROM backlog) AND (EXISTS (SELECT 1 FROM wanted_types)${reaps ? " OR :reapLimit > 0" : ""}) THEN
         ceil(1000 * ((SELECT min(extract(epoch FROM lease.ends))
            FROM (SELECT CASE WHEN j.lease_holder = j.locked_by THEN j.lease_expires_at
                     ${reaps ? PYTHON_LEASE_END : ""} END AS ends
            ${reaps ? otherRunningText(jobs) : runningText(jobs)}) lease WHERE isfinite(lease.ends))
         - extract(epoch FROM now())))::int8
       END::text`,
  };
}

/**
 * When the next job is due, in epoch seconds, by each reason: a capability that puts jobs off adds one. Expressions and no
 * relation: a `min` over a union took a tenth more of the planner (measured: 6.1 against 6.8 ms of an unprepared pick-up).
 */
function upcoming({ names: { jobs }, depth, limits }: TurnVariant): readonly string[] {
  const next = (
    from: string,
    condition: string,
  ): string => `(SELECT min(extract(epoch FROM next.run_after)) FROM ${from}, LATERAL (
                  SELECT j.run_after FROM ${jobs} j
                   WHERE j.status = 'READY' AND ${condition} AND j.run_after > now() AND j.run_after < 'infinity'
                   ORDER BY j.run_after LIMIT 1) next)`;
  return [
    inLanes(depth, next, ",\n               ", waitedTypes(limits)),
    ...(limits === "kept" ? [OPENS_AT] : []),
    `(SELECT min(extract(epoch FROM m.run_after)) FROM made_ready m JOIN wanted_types h USING (job_type)
                WHERE m.run_after < 'infinity')`,
  ];
}

/** Only a reap says how long a row without a lease may stand. */
const PYTHON_LEASE_END = `WHEN :reapLimit > 0 THEN coalesce(j.locked_at, j.updated_at)
                          + coalesce(j.timeout_seconds, :staleSeconds) * interval '1 s'`;

function runningText(jobs: string): string {
  return `FROM ${jobs} j WHERE j.status = 'RUNNING'`;
}

/** But for those that this very turn settles or reaps, and the caller's own. */
function otherRunningText(jobs: string): string {
  return `FROM ${jobs} j
           WHERE j.status = 'RUNNING'
             AND j.id NOT IN (SELECT id FROM left_running)
             AND j.id NOT IN (SELECT unnest(:knownIds))`;
}
