import { drainScenarios } from "./drain.ts";
import { enqueueScenarios } from "./enqueue.ts";
import type { Scenario } from "./scenario.ts";

/** Everything that is measured, in the order of the table. */
export const SCENARIOS: readonly Scenario[] = [...enqueueScenarios, ...drainScenarios];
