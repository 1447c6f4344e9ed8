import type { ScenarioResult } from "../../bench/measure.ts";
import type { Lane, Row, Scenario } from "../../bench/scenarios/scenario.ts";

/** A scenario's result as if measured: each lane's values of one metric, one for each repetition. */
export function resultOf(
  id: string,
  row: Row,
  values: readonly (readonly [lane: Lane, values: readonly number[]])[],
): ScenarioResult {
  const lanes = values.map(([lane]) => lane);
  const scenario: Scenario = {
    id,
    rows: [row],
    lanes,
    run: () => Promise.reject(new Error("not to be run")),
  };
  return {
    scenario,
    seconds: 1,
    lanes: values.map(([lane, all]) => ({
      lane,
      label: lane.label,
      samples: all.map((value) => ({ values: { [row.metric]: value } })),
    })),
  };
}

/** The two lanes that most ratios are of. */
export const PQRUN: Lane = { label: "pqrun", system: "pqrun" };
export const GRAPHILE: Lane = { label: "graphile-worker", system: "graphile" };
/** A line of a rate. */
export const RATE: Row = { metric: "rate", title: "rate", better: "higher" };
