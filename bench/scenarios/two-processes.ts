import { setTimeout as pause } from "node:timers/promises";

import { checkDurable, countTable } from "../durable.ts";
import { startChild } from "../run-child.ts";
import { nowMs, type Answer } from "../tasks/task.ts";
import { warmUpOf } from "./drain.ts";
import { allSystems, scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const PROCESSES = 2;
const SLOTS = 50;
/** Jobs at the end that a process may have started and not told of. */
const UNTOLD = 500 * PROCESSES;

async function run(lane: Lane, context: Context): Promise<Sample> {
  const jobs = scaled(lane.jobs ?? 100_000, context);
  const warmUp = warmUpOf(jobs);
  const total = jobs + warmUp;
  const { system } = lane;
  return context.databases.withCopy({ system, jobs: total }, async (url) => {
    const before = await countTable(system, url);
    const told = Array.from({ length: PROCESSES }, () => 0);
    const nearlyAll = Promise.withResolvers<undefined>();
    const children = told.map((_, own) =>
      startChild(
        { kind: "drain", system, url, slots: SLOTS },
        {
          onProgress: (started) => {
            told[own] = started;
            if (told.reduce((sum, count) => sum + count, 0) >= total - UNTOLD) nearlyAll.resolve(undefined);
          },
        },
      ),
    );
    const failed = Promise.all(children.map(({ answer }) => answer));
    await Promise.race([nearlyAll.promise, failed]);
    while ((await countTable(system, url)).open > 0) await pause(5);
    const endedMs = nowMs();
    for (const child of children) child.finish();
    const answers = await failed;
    const completed = answers.reduce((sum, answer) => sum + answer.jobs, 0);
    checkDurable(`two-processes, ${lane.label}`, before, await countTable(system, url), { completed });
    const warmAt = reached(warmUp, answers);
    return { values: { rate: (jobs * 1_000) / (endedMs - warmAt) } };
  });
}

/** When both together had started so many jobs. */
function reached(jobs: number, answers: readonly Answer[]): number {
  const steps = answers.flatMap(({ marks = [] }) =>
    marks.map(([count, atMs], place) => ({ atMs, more: count - (marks[place - 1]?.[0] ?? 0) })),
  );
  let sum = 0;
  for (const { atMs, more } of steps.toSorted((a, b) => a.atMs - b.atMs)) {
    sum += more;
    if (sum >= jobs) return atMs;
  }
  throw new Error(`the processes never came to ${jobs} jobs`);
}

/** One table, two worker processes. */
export const twoProcesses: Scenario = {
  id: "two-processes",
  rows: [{ metric: "rate", title: "drain, two processes of 50 slots, jobs/s", better: "higher" }],
  lanes: allSystems(4_000),
  run,
};
