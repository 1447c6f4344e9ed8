import { backgroundScenarios, sizeScenarios } from "./backgrounds.ts";
import { cost, memory } from "./cost.ts";
import { drainScenarios } from "./drain.ts";
import { enqueueScenarios } from "./enqueue.ts";
import { heldSnapshot } from "./held-snapshot.ts";
import { httpScenarios } from "./http.ts";
import { idle } from "./idle.ts";
import { latency } from "./latency.ts";
import type { Scenario } from "./scenario.ts";
import { twoProcesses } from "./two-processes.ts";
import { writers } from "./writers.ts";

/** Everything that is measured, in the order of the table. */
export function allScenarios(): readonly Scenario[] {
  return [
    ...enqueueScenarios,
    ...drainScenarios,
    twoProcesses,
    latency(),
    ...backgroundScenarios,
    ...sizeScenarios,
    heldSnapshot,
    ...httpScenarios,
    writers,
    memory,
    cost,
    idle(),
  ];
}
