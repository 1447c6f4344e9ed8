import { setTimeout as pause } from "node:timers/promises";

import { startChild } from "../run-child.ts";
import { trackStatements } from "./statements.ts";
import { allSystems, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const HOUR_SECONDS = 3_600;
/** Until a worker has found that nothing is to do. */
const SETTLE_SECONDS = 15;
const SECONDS = 120;
const SLEEPING = "sleeping";

async function statementsPerHour({ system, variant }: Lane, context: Context): Promise<Sample> {
  const seconds = context.quick ? 10 : SECONDS;
  return context.databases.withCopy({ system }, async (url) => {
    const counted = await trackStatements(url, context.server);
    const safety = variant === SLEEPING ? { safetyPollSeconds: 0 } : {};
    const worker = startChild({ kind: "drain", system, url, slots: 10, forLatency: true, ...safety });
    await worker.begun;
    await pause((context.quick ? 2 : SETTLE_SECONDS) * 1_000);
    const before = await counted();
    await pause(seconds * 1_000);
    const statements = (await counted()) - before;
    worker.finish();
    await worker.answer;
    return { values: { statements: (statements * HOUR_SECONDS) / seconds } };
  });
}

/** What a worker asks that has nothing to do. All wait at the same time: none takes another's. */
export function idle(): Scenario {
  const sleeping: Lane = { label: "pqrun, safetyPollSeconds: Infinity", system: "pqrun", variant: SLEEPING };
  let all: ReadonlyMap<string, Promise<Sample>> | undefined;
  return {
    id: "idle",
    rows: [{ metric: "statements", title: "idle, statements per hour", better: "lower" }],
    lanes: [...allSystems(), sleeping],
    repetitions: 1,
    run: (lane, context, lanes) => {
      all ??= new Map(lanes.map((each) => [each.label, statementsPerHour(each, context)]));
      return all.get(lane.label) ?? statementsPerHour(lane, context);
    },
  };
}
