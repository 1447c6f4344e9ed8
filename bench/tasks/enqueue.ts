import type { System } from "../systems/system.ts";
import { nowMs, type Answer, type EnqueueTask } from "./task.ts";

/** Keeps `inFlight` calls in flight until all are made. */
export async function enqueue(system: System, url: string, task: EnqueueTask): Promise<Answer> {
  const { producers: count = 1, jobsPerCall } = task;
  const producers = await Promise.all(Array.from({ length: count }, () => system.producer(url)));
  const call = async (index: number, caller: number): Promise<void> => {
    const producer = producers[caller % count];
    if (jobsPerCall === 1) await producer?.enqueue(index);
    else await producer?.enqueueMany(index * jobsPerCall, jobsPerCall);
  };
  await keepInFlight(task.inFlight, task.warmUpCalls, call);
  const startedMs = nowMs();
  await keepInFlight(task.inFlight, task.calls, call);
  const endedMs = nowMs();
  await Promise.all(producers.map((producer) => producer.close()));
  return { jobs: (task.warmUpCalls + task.calls) * task.jobsPerCall, startedMs, endedMs };
}

async function keepInFlight(
  inFlight: number,
  calls: number,
  call: (index: number, caller: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const caller = async (_: unknown, own: number): Promise<void> => {
    while (next < calls) await call(next++, own);
  };
  await Promise.all(Array.from({ length: inFlight }, caller));
}

/** Puts jobs in with the system's own bulk call. */
export async function fill(system: System, url: string, jobs: number): Promise<Answer> {
  const producer = await system.producer(url);
  const startedMs = nowMs();
  const cpu = process.cpuUsage();
  for (let first = 0; first < jobs; first += 1_000) {
    await producer.enqueueMany(first, Math.min(1_000, jobs - first));
  }
  const used = process.cpuUsage(cpu);
  await producer.close();
  return { jobs, startedMs, endedMs: nowMs(), cpuUs: used.user + used.system };
}
