import { checkDurable, countTable } from "../durable.ts";
import { runChild, startChild } from "../run-child.ts";
import { queryOnce } from "../server.ts";
import { scaled, type Context, type Lane, type Sample, type Scenario } from "./scenario.ts";

const WRITERS = 16;
const CALLS = 12_000;
/** With ten slots: fewer jobs a second than are written, so that the worker never waits. */
const JOB_MS = 10;
const SLOTS = 10;
const BACKLOG = 2_000;
const SILENT = "silent";

async function run({ label, system, variant }: Lane, context: Context): Promise<Sample> {
  const calls = scaled(CALLS, context);
  return context.databases.withCopy({ system, jobs: BACKLOG }, async (url) => {
    if (variant === SILENT) await queryOnce(url, "DROP TRIGGER jobs_wake ON jobs");
    const before = await countTable(system, url);
    const worker = startChild({ kind: "drain", system, url, slots: SLOTS, jobMs: JOB_MS });
    await worker.begun;
    const shape = { inFlight: WRITERS, producers: WRITERS, calls, warmUpCalls: calls / 10, jobsPerCall: 1 };
    const { jobs, startedMs, endedMs } = await runChild({ kind: "enqueue", system, url, ...shape });
    worker.finish();
    const { jobs: completed } = await worker.answer;
    const after = await countTable(system, url);
    checkDurable(`writers, ${label}`, before, after, { enqueued: jobs, completed });
    return { values: { rate: (calls * 1_000) / (endedMs - startedMs) } };
  });
}

/** Sixteen writers, each with a connection of its own, while a worker is busy. */
export const writers: Scenario = {
  id: "writers",
  rows: [{ metric: "rate", title: "16 writers beside a busy worker, jobs/s", better: "higher" }],
  lanes: [
    { label: "pqrun", system: "pqrun" },
    { label: "pqrun, no wake-ups", system: "pqrun", variant: SILENT },
  ],
  run,
};
