import type { Context, Lane, Sample, Scenario } from "./scenarios/scenario.ts";

/** All samples of one lane, in the order of the repetitions. */
export interface LaneResult {
  readonly label: string;
  readonly lane: Lane;
  readonly samples: readonly Sample[];
}

/** All that one scenario gave. */
export interface ScenarioResult {
  readonly scenario: Scenario;
  readonly lanes: readonly LaneResult[];
  readonly seconds: number;
}

/** Measures a scenario: the lanes in turn, their order reversed from one repetition to the next. */
export async function measure(
  scenario: Scenario,
  lanes: readonly Lane[],
  repetitions: number,
  context: Context,
  say: (line: string) => void,
): Promise<ScenarioResult> {
  const start = performance.now();
  const samples = new Map<Lane, Sample[]>(lanes.map((lane) => [lane, []]));
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    for (const lane of repetition % 2 === 0 ? lanes : lanes.toReversed()) {
      const sample = await scenario.run(lane, context, lanes);
      samples.get(lane)?.push(sample);
      say(`${scenario.id} ${repetition + 1}/${repetitions} ${lane.label}: ${inShort(sample)}`);
    }
  }
  return {
    scenario,
    lanes: lanes.map((lane) => ({ label: lane.label, lane, samples: samples.get(lane) ?? [] })),
    seconds: (performance.now() - start) / 1_000,
  };
}

function inShort({ values }: Sample): string {
  return Object.entries(values)
    .map(([name, value]) => `${name} ${value >= 100 ? Math.round(value) : value.toPrecision(3)}`)
    .join(", ");
}
