import type { LaneResult, ScenarioResult } from "./measure.ts";
import { ratios } from "./statistics.ts";

/** What one lane gave of one metric, in the order of the repetitions. */
export function valuesOf({ samples }: LaneResult, metric: string): readonly number[] {
  return samples.map(({ values }) => values[metric] ?? NaN);
}

/** The results of a run, by name. */
export class Results {
  readonly #scenarios: readonly ScenarioResult[];

  constructor(scenarios: readonly ScenarioResult[]) {
    this.#scenarios = scenarios;
  }

  lane(id: string, label: string): LaneResult | undefined {
    return this.#scenarios
      .find(({ scenario }) => scenario.id === id)
      ?.lanes.find((lane) => lane.label === label);
  }

  /** One lane's values; undefined where it was not measured. */
  values(id: string, label: string, metric: string): readonly number[] | undefined {
    const lane = this.lane(id, label);
    return lane === undefined ? undefined : valuesOf(lane, metric);
  }

  /** One lane's values to another's, repetition by repetition. */
  ratio(id: string, ours: string, theirs: string, metric: string): readonly number[] | undefined {
    const [top, bottom] = [this.values(id, ours, metric), this.values(id, theirs, metric)];
    return top === undefined || bottom === undefined ? undefined : ratios(top, bottom);
  }

  /** One metric of a lane to another of the same lane. */
  ratioOf(id: string, label: string, top: string, bottom: string): readonly number[] | undefined {
    const lane = this.lane(id, label);
    return lane === undefined ? undefined : ratios(valuesOf(lane, top), valuesOf(lane, bottom));
  }
}
