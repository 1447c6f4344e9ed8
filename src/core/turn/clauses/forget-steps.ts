import { arrayLiteral } from "../../sql/array-literal.ts";
import type { Settlement } from "../settlement.ts";
import { clause } from "./clause.ts";

/** Whether the settlement of a job that is DONE takes its steps with it. */
export function forgetsSteps(settlement: Settlement): boolean {
  return settlement.outcome === "done" && settlement.forgetsSteps === true;
}

/**
 * Deletes what jobs that are DONE now have remembered. It stands in a turn alone that settles such a job: by name, since
 * others beside it may keep theirs. Nobody else writes a job's steps without its row, which `locked` has.
 */
export const forgetSteps = clause({
  parameters: { forgottenIds: "int8[]" },
  encode: ({ settlements = [] }) => ({
    forgottenIds: arrayLiteral(settlements.filter(forgetsSteps).map(({ job }) => job.id)),
  }),
  text: ({ names: { steps } }) => `forgotten_steps AS (
  DELETE FROM ${steps} s
   WHERE s.job_id = ANY (ARRAY(SELECT d.id FROM done d WHERE d.id = ANY (:forgottenIds)))
)`,
});
