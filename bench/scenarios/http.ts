import { checkDurable, countTable } from "../durable.ts";
import { runChild } from "../run-child.ts";
import { scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const BATCH = 100;
const JOBS = 5_000;

function httpScenario(roundTripMs: number): Scenario {
  const id = `http-${roundTripMs}`;
  const run = async ({ label, system }: Lane, context: Context): Promise<Sample> => {
    const jobs = scaled(JOBS, context);
    return context.databases.withCopy({ system, jobs }, async (url) => {
      const before = await countTable(system, url);
      const answer = await runChild({ kind: "http", system, url, roundTripMs, jobs, batchSize: BATCH });
      checkDurable(`${id}, ${label}`, before, await countTable(system, url), { completed: jobs });
      const { statements = NaN, emptyStatements = NaN } = answer;
      const rate = (jobs * 1_000) / (answer.endedMs - answer.startedMs);
      return { values: { rate, statements, allowed: Math.ceil(jobs / BATCH) + 2, empty: emptyStatements } };
    });
  };
  return {
    id,
    rows: [
      {
        metric: "rate",
        title: `drainOnce of 5,000 in batches of 100, ${roundTripMs} ms round trip, jobs/s`,
        better: "higher",
      },
      { metric: "statements", title: "– statements", better: "lower" },
      { metric: "allowed", title: "– a statement a batch and two", better: "lower" },
      { metric: "empty", title: "– statements of an empty drain", better: "lower" },
    ],
    lanes: [{ label: "pqrun", system: "pqrun" }],
    run,
  };
}

/** What a drain over HTTP feels like. The peers can't speak over HTTP. */
export const httpScenarios: readonly Scenario[] = [10, 40].map(httpScenario);
