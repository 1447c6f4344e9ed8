/** Schedules that tick all the time, and what the accounts say of their ticks. */
import type { Client } from "pg";

import { defineSchedules } from "../../src/core/schedules/define-schedules.ts";
import type { Schedules } from "../../src/core/schedules/schedules.ts";
import { withClient } from "../support/postgres.ts";
import type { LedgerView } from "./ledger-view.ts";

/** Whose schedules all runners declare, each whenever its process starts. */
export const OWNER = "torture";

/** One with all its ticks, and one that makes a job where none is active. */
export function declaredSchedules(): Schedules {
  return defineSchedules({
    "declared, all": { job: "quick", cron: "*/2 * * * * *", missed: "all", overlap: "allow" },
    "declared, once": { job: "slow", cron: "*/3 * * * * *", timeZone: "Asia/Kathmandu" },
  });
}

/**
 * Those that SQL has made. Without the unique index, which would hide that a tick is made twice: the schedule's row alone
 * is to keep ticks apart.
 */
export const SCHEDULES = `
DROP INDEX public.uq_jobs_tick;
INSERT INTO public.jobs_schedules (name, job_type, cron, time_zone, missed, overlap) VALUES
  ('by hand, all', 'quick', '* * * * * *', 'Australia/Lord_Howe', 'all', 'allow'),
  ('by hand, skip', 'quick', '*/2 * * * * *', 'UTC', 'skip', 'allow')`;

/** From here on nothing ticks; whoever is about to is waited for. */
export async function stopSchedules(url: string): Promise<void> {
  await withClient(url, (client) => client.query("UPDATE public.jobs_schedules SET paused = true"));
}

/** How many ticks have made a job; what did not add up goes into the ledger's view. */
export async function accountTicks(url: string, ledger: LedgerView): Promise<number> {
  return withClient(url, async (client) => {
    for (const [account, why, text] of WRONG) {
      for (const { name, at } of await rowsOf(client, text))
        ledger.found.push({ account, id: name, why: `${at ?? ""} ${why}`.trim() });
    }
    const [made] = await rowsOf(
      client,
      "SELECT count(*)::text AS at FROM public.jobs WHERE schedule IS NOT NULL",
    );
    return Number(made?.at ?? 0);
  });
}

const PLANNED = `public.jobs_cron_ticks(s.cron, s.time_zone, s.created_at, s.last_tick, 1000000)`;
const OF_TICK = "j.schedule = s.name AND j.scheduled_for = t";

/** Each names the schedules that are not as they must be. */
const WRONG = [
  [
    "tickedTwice",
    "has more than one job",
    `SELECT schedule AS name, scheduled_for::text AS at FROM public.jobs
      WHERE scheduled_for IS NOT NULL GROUP BY schedule, scheduled_for HAVING count(*) > 1`,
  ],
  [
    "ticksLeftOut",
    "has no job",
    `SELECT s.name, t::text AS at FROM public.jobs_schedules s CROSS JOIN ${PLANNED} t
      WHERE s.missed = 'all' AND NOT EXISTS (SELECT FROM public.jobs j WHERE ${OF_TICK})`,
  ],
  [
    "ticksLeftOut",
    "has stopped it, or it never ticked",
    "SELECT name, last_error AS at FROM public.jobs_schedules WHERE last_error IS NOT NULL OR last_tick IS NULL",
  ],
  [
    "unexpected",
    "is no tick of its schedule",
    `SELECT j.schedule AS name, j.scheduled_for::text AS at FROM public.jobs j
      WHERE j.schedule IS NOT NULL AND NOT EXISTS (
        SELECT FROM public.jobs_schedules s CROSS JOIN ${PLANNED} t WHERE ${OF_TICK})`,
  ],
] as const;

async function rowsOf(
  client: Client,
  text: string,
): Promise<readonly { readonly name: string; readonly at: string | null }[]> {
  return (await client.query<{ name: string; at: string | null }>(text)).rows;
}
