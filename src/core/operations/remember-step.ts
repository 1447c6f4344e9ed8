import type { SqlRow, SqlStatement } from "../executor.ts";
import { cells } from "../job.ts";
import type { Fence } from "../job.ts";
import { asLeaseLost, orFailText } from "../sql/lease-lost.ts";
import { send } from "../sql/run-statement.ts";
import type { Connection } from "../sql/run-statement.ts";
import type { TableNames } from "../sql/table-names.ts";

/** A step that is to be remembered. */
export interface NewStep {
  readonly name: string;
  /** What it returned, JSON text that jsonb takes; null is nothing. */
  readonly valueText: string | null;
  /** How long its work took, in milliseconds; null where it had none. */
  readonly durationMs?: number | null | undefined;
  /** Of a sleep: when it ends, in milliseconds from now or as a moment. */
  readonly wakes?: number | Date | undefined;
  /** Whether it may be remembered already, by a statement whose answer was lost. @default false: then the statement fails */
  readonly again?: boolean | undefined;
}

/**
 * `$1` id, `$2` attempts, `$3` locked_by, `$4` name, `$5` value or null, `$6` duration in ms or null, `$7` lease in ms,
 * `$8` ms until a sleep ends, `$9` or when in epoch ms, `$10` `true` where the step may be remembered already.
 *
 * Remembers a step and extends the lease, or fails: where the lease is lost, and where the step is remembered. In contrast
 * to an extension it waits for a row that is locked: its caller has this one job, and the locker may be a step beside it.
 * `held` waits, and sees what became of the row then, so that the fence is as true as the lock. No indexed column of the
 * job changes: the update is HOT. An extension that was longer stays. Releases count from the last step on: who gets on is no job
 * that goes round for ever.
 */
export const rememberStepText = ({ jobs, steps }: TableNames): string => {
  const wakes = "coalesce(to_timestamp($9::text::float8 / 1000), now() + $8::text::float8 * interval '1 ms')";
  return `
WITH held AS MATERIALIZED (
  SELECT j.id
    FROM ${jobs} j
   WHERE j.id = $1::text::int8 AND j.status = 'RUNNING' AND j.attempts = $2::text::int4 AND j.locked_by = $3::text
     FOR NO KEY UPDATE
),
remembered AS (
  INSERT INTO ${steps} (job_id, name, value, attempt, duration_ms, wakes_at)
  SELECT h.id, $4::text, $5::text::jsonb, $2::text::int4, $6::text::int4, ${wakes} FROM held h
      ON CONFLICT (job_id, name) DO NOTHING
  RETURNING job_id
),
renewed AS (
  UPDATE ${jobs} j
     SET steps = coalesce(j.steps, 0) + (SELECT count(*) FROM remembered)::int4, released = 0,
         locked_at = greatest(j.locked_at, now()), lease_holder = j.locked_by,
         lease_expires_at = greatest(j.lease_expires_at, now() + $7::text::float8 * interval '1 ms')
   WHERE j.id = (SELECT h.id FROM held h)
)
SELECT ${orFailText("$1::text", " WHEN $10::text IS NULL AND NOT EXISTS (SELECT 1 FROM remembered) THEN 'pqrun: the step is remembered already, job ' || max(id)")} AS a,
       ceil(1000 * extract(epoch FROM ${wakes} - now()))::int8::text AS b,
       (date_part('epoch', ${wakes}) * 1000)::text AS c
  FROM held`;
};

/** The statement that remembers a step of `job`, or fails. */
export function rememberStepStatement(
  text: string,
  job: Fence,
  { name, valueText, durationMs = null, wakes, again = false }: NewStep,
  leaseMs: number,
): SqlStatement {
  const [wait, moment] = wakes instanceof Date ? [null, String(wakes.getTime())] : [wakes ?? null, null];
  const duration =
    durationMs === null ? null : String(Math.min(Math.max(0, Math.round(durationMs)), 2_147_483_647));
  return {
    text,
    params: [
      ...[job.id, String(job.attempts), job.lockedBy, name, valueText, duration, String(leaseMs)],
      ...[wait === null ? null : String(wait), moment, again ? "true" : null],
    ],
  };
}

/** When a sleep that was remembered ends. */
export interface Wake {
  readonly inMs: number;
  readonly at: Date;
}

/**
 * Remembers a step of a job that runs, and extends its lease to `leaseMs` from now, if it does not last longer already.
 *
 * @returns of a sleep, when it ends
 * @throws LeaseLostError where another attempt has the job: nothing was written.
 */
export async function rememberStep(
  { connection }: { readonly connection: Connection },
  job: Fence,
  step: NewStep,
  leaseMs: number,
): Promise<Wake> {
  const statement = rememberStepStatement(rememberStepText(connection.names), job, step, leaseMs);
  try {
    return readWake(await send(connection, "step", statement));
  } catch (error) {
    throw asLeaseLost(error, job.id);
  }
}

function readWake([row = {}]: readonly SqlRow[]): Wake {
  const [, inMs, at] = cells(row);
  return { inMs: Number(inMs), at: new Date(Number(at)) };
}
