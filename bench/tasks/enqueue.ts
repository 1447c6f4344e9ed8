import type { System } from "../systems/system.ts";
import { nowMs, type Answer, type EnqueueTask } from "./task.ts";

/** Keeps `inFlight` calls in flight until all are made. */
export async function enqueue(system: System, url: string, task: EnqueueTask): Promise<Answer> {
  const producer = await system.producer(url);
  const call = (index: number): Promise<unknown> =>
    task.jobsPerCall === 1
      ? producer.enqueue(index)
      : producer.enqueueMany(index * task.jobsPerCall, task.jobsPerCall);
  await keepInFlight(task.inFlight, task.warmUpCalls, call);
  const startedMs = nowMs();
  await keepInFlight(task.inFlight, task.calls, call);
  const endedMs = nowMs();
  await producer.close();
  return { jobs: (task.warmUpCalls + task.calls) * task.jobsPerCall, startedMs, endedMs };
}

async function keepInFlight(
  inFlight: number,
  calls: number,
  call: (index: number) => Promise<unknown>,
): Promise<void> {
  let next = 0;
  const caller = async (): Promise<void> => {
    while (next < calls) await call(next++);
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** Puts jobs in with the system's own bulk call. */
export async function fill(system: System, url: string, jobs: number): Promise<Answer> {
  const producer = await system.producer(url);
  const startedMs = nowMs();
  for (let first = 0; first < jobs; first += 1_000) {
    await producer.enqueueMany(first, Math.min(1_000, jobs - first));
  }
  await producer.close();
  return { jobs, startedMs, endedMs: nowMs() };
}
