import { clause } from "./clause.ts";

/**
 * Commits a pick-up without waiting for a disk, where its caller wants that and nothing was settled or reaped: that must
 * outlive a crash, while an attempt's beginning may be forgotten.
 */
export const asyncCommit = clause({
  parameters: { fast: "text" },
  encode: ({ pickUp }) => ({ fast: String(pickUp?.fast ?? false) }),
  text: () => `async_commit AS MATERIALIZED (
  SELECT set_config('synchronous_commit', 'off', true)
   WHERE :fast = 'true' AND NOT EXISTS (SELECT 1 FROM left_running)
)`,
});
