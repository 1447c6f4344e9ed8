import { arrayLiteral } from "../../sql/array-literal.ts";
import { quoteLiteral } from "../../sql/table-names.ts";
import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";

/** Most characters of the types that a marker names: each insert of others' types looks through them all. */
const MARKER_CHARACTERS = 1_000;
/** A share of the queue of NOTIFYs: one that is full refuses commits, and the rest is for others. */
const FULL_QUEUE = 0.9;

/** Sets the wait marker of a worker that is to be notified from now on, and may send a probe that it hears. */
export const waitMarker = clause({
  parameters: {
    /** The worker's id, or null. */
    waiter: "text",
    /** For how many ms its marker stands. */
    waitMs: "float8",
    /** Job types that it waits for, or null for all. */
    waitTypes: "text[]",
    /** Payload of a probing NOTIFY, or null. */
    probe: "text",
  },
  encode: ({ guard, probe = null }) => ({
    waiter: guard?.worker ?? null,
    waitMs: String(guard?.forMs ?? 0),
    waitTypes: markedTypes(guard?.types),
    probe,
  }),
  text: waitMarkerText,
});

function markedTypes(types: readonly string[] = []): string | null {
  const text = arrayLiteral(types);
  return types.length === 0 || text.length > MARKER_CHARACTERS ? null : text;
}

function waitMarkerText({ names: { waiting } }: TurnVariant): string {
  return `waiter AS (
  INSERT INTO ${waiting} AS w (worker, until, types)
  SELECT :waiter, now() + :waitMs * interval '1 ms', :waitTypes WHERE :waiter IS NOT NULL
      ON CONFLICT (worker) DO UPDATE SET until = excluded.until, types = excluded.types
),
-- Each process has a name of its own: a turn that sets a marker clears away those of workers that are long gone.
stale_waiters AS (
  DELETE FROM ${waiting} w
   WHERE w.worker = ANY (ARRAY(
           SELECT gone.worker FROM ${waiting} gone
            WHERE :waiter IS NOT NULL AND gone.worker <> :waiter AND gone.until < now() - interval '1 hour'
            ORDER BY gone.until LIMIT 100
              FOR UPDATE SKIP LOCKED))
)`;
}

/** Sends the probe, unless the queue of NOTIFYs is nearly full: that would refuse the turn. */
export function probeText({ names: { channel } }: TurnVariant): string {
  return `CASE WHEN :probe IS NOT NULL AND pg_notification_queue_usage() < ${FULL_QUEUE}
         THEN pg_notify(${quoteLiteral(channel)}, :probe)::text END`;
}

/** Whether the marker stood before this turn: what has emptied the table of those who wait has taken it too. */
export function stoodText({ names: { waiting } }: TurnVariant): string {
  return `CASE WHEN :waiter IS NOT NULL
         THEN EXISTS (SELECT 1 FROM ${waiting} w WHERE w.worker = :waiter AND w.until > now()) END::text`;
}
