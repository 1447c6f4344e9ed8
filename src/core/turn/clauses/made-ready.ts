import { clause } from "./clause.ts";
import type { TurnVariant } from "./clause.ts";
import { LOOK_FULL } from "./gate.ts";
import { DUE_LANES_LEFT } from "./lanes.ts";

/**
 * What this very turn has made READY again, which its pick-up, with the snapshot of before, does not see: `backlog` says
 * that more is due, and the next turn picks it up.
 */
export const madeReady = clause({ parameters: {}, encode: () => ({}), text: madeReadyText });

function madeReadyText({ depth, scope, limits }: TurnVariant): string {
  return `made_ready AS MATERIALIZED (
  SELECT job_type, run_after FROM left_running WHERE is_ready
),
backlog AS MATERIALIZED (
  SELECT EXISTS (SELECT 1 FROM ranked WHERE NOT chosen)
      OR EXISTS (SELECT 1 FROM wanted_types WHERE priority IS NOT NULL)
      OR EXISTS (SELECT 1 FROM made_ready m JOIN wanted_types h USING (job_type) WHERE m.run_after <= now())${
        depth === "deep" && scope !== "settling" ? ` OR ${DUE_LANES_LEFT}` : ""
      }${limits === "kept" && scope !== "settling" ? `\n      OR ${LOOK_FULL}` : ""} AS more
)`;
}
