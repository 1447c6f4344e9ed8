import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";

import { COUNT, type RunningWorker, type System } from "../systems/system.ts";
import { RecentIds } from "./recent-ids.ts";
import { spacedOut } from "./spaced-out.ts";
import { nowMs, type Answer, type DrainTask, type Mark, type Timed } from "./task.ts";

/** Jobs between two marks. */
const MARK_EVERY = 100;
/** Jobs between two messages to the parent. */
const TELL_EVERY = 500;
/** More than any of the systems holds in its buffers at once. */
const RECENT = 5_000;

/**
 * Works until `task.jobs` have started, or until its parent says that all have,
 * and then until the last of them are durably done.
 */
export async function drain(
  system: System,
  url: string,
  task: DrainTask,
  told: Promise<void>,
): Promise<Answer> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  const recent = new RecentIds(RECENT);
  const marks: Mark[] = [];
  const times: Timed[] = [];
  const enough = Promise.withResolvers<undefined>();
  const cpu = process.cpuUsage();
  let jobs = 0;
  const startedMs = nowMs();
  const worker = await system.work(url, {
    ...task,
    onJob: (id, index) => {
      jobs += 1;
      recent.add(id);
      if (task.forLatency === true) times.push([index, nowMs()]);
      if (jobs % MARK_EVERY === 0) mark();
      if (jobs === task.jobs) enough.resolve(undefined);
      return task.jobMs === undefined ? undefined : pause(task.jobMs);
    },
  });
  function mark(): void {
    marks.push([jobs, nowMs()]);
    if (task.jobs === undefined && jobs % TELL_EVERY === 0) process.send?.({ progress: jobs });
  }
  process.send?.({ progress: 0 });
  const enqueued = await ownEnqueues(worker, task.ownEnqueues ?? 0);
  await Promise.race([enough.promise, told]);
  while (await unsettled(client, system, recent)) await pause(1);
  const endedMs = nowMs();
  const used = process.cpuUsage(cpu);
  const heapBytes = process.memoryUsage().heapUsed;
  await worker.stop();
  await client.end();
  return {
    jobs,
    startedMs,
    endedMs,
    marks,
    times,
    enqueued,
    cpuUs: used.user + used.system,
    maxRssBytes: process.resourceUsage().maxRSS * 1024,
    heapBytes,
  };
}

async function ownEnqueues(worker: RunningWorker, jobs: number): Promise<readonly Timed[]> {
  const enqueue = worker.enqueue?.bind(worker);
  if (enqueue === undefined || jobs === 0) return [];
  return spacedOut(jobs, enqueue);
}

async function unsettled(client: pg.Client, system: System, recent: RecentIds): Promise<boolean> {
  const { rows } = await client.query<{ [COUNT]: string }>(system.sql.unsettled, [recent.all()]);
  return rows[0]?.[COUNT] !== "0";
}
