import { TURN, rowText } from "../answer-rows.ts";
import { quoteLiteral } from "../../sql/table-names.ts";
import type { TurnVariant } from "./clause.ts";
import { LANES_LEFT } from "./lanes.ts";
import { sleepColumns } from "./sleep.ts";
import { probeText, stoodText } from "./wait-marker.ts";

/** Microseconds since the statement's arrival. */
const SERVER_US = "(date_part('epoch', clock_timestamp() - now()) * 1000000)::int8";
const MORE = "(SELECT more FROM backlog)::text";
const MORE_OR_DEEPER = `CASE WHEN ${LANES_LEFT} THEN 'deeper' ELSE ${MORE} END`;

const NOT_ASKED = { dueElsewhere: "NULL", nextDueInMs: "NULL", nextLeaseEndInMs: "NULL" };

/**
 * The row of the turn as a whole.
 *
 * A snapshot's xmax is not the next transaction's id, but one past the last that has ended: those that began later and are
 * still open lie beyond it. An id of this turn's own is later than all of them.
 */
export function turnRowText(variant: TurnVariant): string {
  const { names, scope, depth } = variant;
  const jobs = quoteLiteral(names.jobs);
  const picksUp = scope !== "settling";
  const whole = picksUp && scope !== "pick-up";
  const columns = rowText(
    "'turn'",
    TURN,
    {
      more: !picksUp || depth === "deep" ? MORE : MORE_OR_DEEPER,
      ...(picksUp ? sleepColumns(variant) : NOT_ASKED),
      oldestOpen: "txid_snapshot_xmin(txid_current_snapshot())::text",
      nextId: "txid_current()::text",
      // What hides rows is told by a sign.
      tableBytes: `${whole ? `CASE WHEN row_security_active(${jobs}::regclass) THEN '-' ELSE '' END || ` : ""}pg_relation_size(${jobs}::regclass)::text`,
      // What else must be evaluated stands behind it.
      serverUs: picksUp
        ? `concat_ws(' ', ${SERVER_US}, (SELECT count(*) FROM async_commit)${whole ? `, ${probeText(variant)}` : ""})`
        : "NULL",
      stood: whole ? stoodText(variant) : "NULL",
      clockUs: picksUp ? "(date_part('epoch', clock_timestamp()) * 1000000)::int8::text" : "NULL",
    },
    !picksUp,
  );
  return `SELECT ${columns}`;
}
