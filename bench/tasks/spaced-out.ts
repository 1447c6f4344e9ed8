import { setTimeout as pause } from "node:timers/promises";

import type { System } from "../systems/system.ts";
import { nowMs, type Answer, type Timed } from "./task.ts";

/** Idle time before a job, the least and what is added by chance: in step with no system's polls. */
const IDLE_MS = [40, 60] as const;

/** Enqueues one job after the other with idle time before each, and tells when each call began. */
export async function spacedOut(
  jobs: number,
  enqueue: (index: number) => Promise<unknown>,
): Promise<readonly Timed[]> {
  const times: Timed[] = [];
  for (let index = 0; index < jobs; index += 1) {
    await pause(IDLE_MS[0] + Math.random() * IDLE_MS[1]);
    times.push([index, nowMs()]);
    await enqueue(index);
  }
  return times;
}

/** The same, from a process that only enqueues. */
export async function produce(system: System, url: string, jobs: number): Promise<Answer> {
  const producer = await system.producer(url, { forLatency: true });
  const startedMs = nowMs();
  const enqueued = await spacedOut(jobs, (index) => producer.enqueue(index));
  await producer.close();
  return { jobs, startedMs, endedMs: nowMs(), enqueued };
}
