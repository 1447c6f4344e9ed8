import { readdirSync, readFileSync } from "node:fs";

import { checkDurable, countTable } from "../durable.ts";
import { startChild, runChild } from "../run-child.ts";
import { quantile } from "../statistics.ts";
import type { Answer } from "../tasks/task.ts";
import { allSystems, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const JOBS = 60;
/** The first of them, which meet cold code and unplanned statements. */
const WARM_UP = 10;
const WITHIN = "within";
const SLOTS = 10;

async function run(lane: Lane, context: Context): Promise<Sample> {
  const { system, fastPickup, variant } = lane;
  return context.databases.withCopy({ system }, async (url) => {
    const before = await countTable(system, url);
    const within = variant === WITHIN;
    const task = { kind: "drain", system, url, slots: SLOTS, jobs: JOBS, forLatency: true } as const;
    const worker = startChild({
      ...task,
      ...(fastPickup !== undefined && { fastPickup }),
      ...(within && { ownEnqueues: JOBS }),
    });
    await worker.begun;
    const producer = within ? undefined : await runChild({ kind: "produce", system, url, jobs: JOBS });
    const answer = await worker.answer;
    checkDurable(`latency, ${lane.label}`, before, await countTable(system, url), {
      enqueued: JOBS,
      completed: answer.jobs,
    });
    return { values: percentiles(answer, producer ?? answer) };
  });
}

function percentiles(worker: Answer, producer: Answer): Sample["values"] {
  const began = new Map(producer.enqueued);
  const latencies = (worker.times ?? [])
    .filter(([index]) => index >= WARM_UP)
    .map(([index, atMs]) => atMs - (began.get(index) ?? NaN))
    .toSorted((a, b) => a - b);
  return { p50: quantile(latencies, 0.5), p95: quantile(latencies, 0.95), p99: quantile(latencies, 0.99) };
}

/** Whether the built package has the option yet. */
function hasFastPickup(): boolean {
  const dist = new URL("../../dist/", import.meta.url);
  try {
    return readdirSync(dist).some(
      (name) => name.endsWith(".js") && readFileSync(new URL(name, dist), "utf8").includes("fastPickup"),
    );
  } catch {
    return false;
  }
}

/** From the call of enqueue to the start of the handler, while nothing else happens. */
export function latency(): Scenario {
  const fast: Lane = { label: "pqrun, fastPickup", system: "pqrun", fastPickup: true };
  return {
    id: "latency",
    rows: [
      { metric: "p50", title: "idle, enqueue to start, p50, ms", better: "lower" },
      { metric: "p95", title: "– p95", better: "lower" },
      { metric: "p99", title: "– p99", better: "lower" },
    ],
    lanes: [
      ...allSystems(),
      ...(hasFastPickup() ? [fast] : []),
      { label: "pqrun, within one process", system: "pqrun", variant: WITHIN },
    ],
    quickPeers: true,
    run,
  };
}
