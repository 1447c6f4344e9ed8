import { countMatching } from "../../core/operations/count-matching.ts";
import { overview } from "../../core/operations/overview.ts";
import { counted } from "../terminal/counted.ts";
import { duration } from "../terminal/duration.ts";
import { rowsOf, type Check, type Finding } from "./finding.ts";

/** How long a due job may wait before somebody should look. */
const WAITS_SECONDS = 600;
const MOST_TYPES = 20;

/** Leases that nobody reaps, types that nobody runs, and what failed of late. */
export const jobsCheck: Check = async ({ store, executor, named, names: { jobs } }) => {
  const now = await overview(store);
  const findings: Finding[] = [];
  const [[ended] = []] = await rowsOf(
    executor,
    `SELECT count(*)::text FROM ${jobs} j WHERE j.status = 'RUNNING' AND j.lease_holder = j.locked_by
        AND j.lease_expires_at < now() - interval '1 min'`,
  );
  if (Number(ended) > 0) {
    findings.push({
      ...{ check: "leases", severity: "problem", cure: "start a worker or a drain, which reaps them" },
      what: `${counted(Number(ended), "running job")} lost the lease more than a minute ago, and nobody reaps`,
    });
  }
  for (const { type, due, oldestDueSeconds } of now.types) {
    if (oldestDueSeconds === null || oldestDueSeconds < WAITS_SECONDS) continue;
    findings.push({
      ...{ check: "types", severity: "problem", cure: `start a worker with a handler for ${type}` },
      what: `${counted(due, "due job")} of the type ${type}, the oldest for ${duration(oldestDueSeconds)}: no worker takes them`,
    });
  }
  const since = new Date(now.at.getTime() - 3_600_000);
  for (const { type } of now.types.filter(({ failed }) => failed > 0).slice(0, MOST_TYPES)) {
    const { count, next } = await countMatching(store, { statuses: ["FAILED"], types: [type], since });
    if (count === 0) continue;
    findings.push({
      ...{
        check: "failures",
        severity: "hint",
        cure: `pqrun ls${named} --status failed --type ${shellWord(type)} --since 1h`,
      },
      what: `${next === null ? "" : "at least "}${counted(count, "job")} of the type ${type} failed within the last hour`,
    });
  }
  return findings;
};

/** Rows that Python's workers hold, without the guard that keeps them from harming pqrun's. */
export const pythonCheck: Check = async ({ executor, names: { jobs }, named }) => {
  const [[held, guarded] = []] = await rowsOf(
    executor,
    `SELECT (SELECT count(*) FROM (SELECT FROM ${jobs} j WHERE j.status = 'RUNNING' AND j.lease_expires_at IS NULL LIMIT 1000) r)::text AS a,
            EXISTS (SELECT FROM pg_trigger t WHERE t.tgrelid = to_regclass($1::text) AND t.tgname LIKE '%python_guard')::text AS b`,
    [jobs],
  );
  if (Number(held) === 0 || guarded === "true") return [];
  return [
    {
      ...{
        check: "python",
        severity: "problem",
        cure: `pqrun sql --pattern python-guard${named} | psql "$DATABASE_URL"`,
      },
      what: `workers of the Python package hold ${counted(Number(held), "job")}, and the guard that keeps them from pqrun's is not there`,
    },
  ];
};

function shellWord(text: string): string {
  return /^[\w.:-]+$/.test(text) ? text : `'${text.replaceAll("'", "'\\''")}'`;
}
