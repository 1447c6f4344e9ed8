import { checkDurable, countTable } from "../durable.ts";
import { runChild } from "../run-child.ts";
import type { Contents } from "../databases.ts";
import type { Answer } from "../tasks/task.ts";
import { rateAfter } from "./rate.ts";
import { allSystems, scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

/** Jobs by which a process is warm, where it gets enough of them. */
const WARM_UP = 20_000;

/** The part of the jobs that is not timed. */
export function warmUpOf(jobs: number): number {
  return Math.min(WARM_UP, Math.round(jobs / 5_000) * 1_000 || 500);
}

/** What one drain is to be. */
export interface DrainShape {
  readonly slots: number;
  readonly jobs: number;
  readonly background?: Contents["background"];
}

/** Drains `jobs` and the warm-up before them in one process, with something `beside` it, and checks the table. */
export async function drainInto(
  what: string,
  lane: Lane,
  { slots, jobs, background }: DrainShape,
  context: Context,
  beside: (url: string) => Promise<() => Promise<void>> = () => Promise.resolve(() => Promise.resolve()),
): Promise<{ readonly answer: Answer; readonly rate: number }> {
  const { system, fastPickup, maxBuffer } = lane;
  const warmUp = warmUpOf(jobs);
  const contents = { system, jobs: jobs + warmUp, ...(background !== undefined && { background }) };
  return context.databases.withCopy(contents, async (url) => {
    const before = await countTable(system, url);
    const end = await beside(url);
    const answer = await runChild({
      kind: "drain",
      system,
      url,
      slots,
      jobs: jobs + warmUp,
      ...(fastPickup !== undefined && { fastPickup }),
      ...(maxBuffer !== undefined && { maxBuffer }),
    });
    await end();
    checkDurable(what, before, await countTable(system, url), { completed: answer.jobs });
    const rate = rateAfter(warmUp, answer.marks ?? [], jobs + warmUp, answer.endedMs);
    return { answer, rate };
  });
}

function drainScenario(slots: number): Scenario {
  const id = `drain-${slots}`;
  const run = async (lane: Lane, context: Context): Promise<Sample> => {
    const jobs = scaled(lane.jobs ?? 100_000, context);
    const { rate, answer } = await drainInto(`${id}, ${lane.label}`, lane, { slots, jobs }, context);
    const total = jobs + warmUpOf(jobs);
    return { values: { rate, cpu: (answer.cpuUs ?? 0) / total } };
  };
  const title = `drain 100,000, ${slots} ${slots === 1 ? "slot" : "slots"}, jobs/s`;
  const narrow = { label: "pqrun, maxBuffer 1,000", system: "pqrun", maxBuffer: 1_000 } as const;
  const lanes = slots === 100 ? [...allSystems(5_000), narrow] : allSystems(slots === 1 ? 2_000 : 5_000);
  return { id, rows: [{ metric: "rate", title, better: "higher" }], lanes, quickPeers: slots === 100, run };
}

/** No-op jobs, drained by one process. */
export const drainScenarios: readonly Scenario[] = [1, 10, 100].map(drainScenario);
