import { expect, onTestFinished } from "vitest";

import type { SqlStatement } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { noting } from "./between.ts";
import { faultClients, type FAULT_DRIVERS } from "./fault-clients.ts";
import { withClient } from "./postgres.ts";

const SOON = { timeout: 100_000, interval: 20 };

/** A worker that finds nothing by polling while a test lasts. */
export function startIdleWorker(
  driver: (typeof FAULT_DRIVERS)[number],
  url: string,
  sent: SqlStatement[] = [],
): Worker {
  const client = faultClients[driver](url, 4);
  const worker = new Worker({
    store: new PgJobStore(noting(sent)(client.executor)),
    handlers: { a: () => undefined },
    idlePoll: { delayMs: () => 600_000 },
    safetyPollSeconds: 600,
    reapIntervalSeconds: 600,
    env: {},
  }).start();
  onTestFinished(async () => {
    await worker.stop({ graceMs: 0 });
    await client.end();
  });
  return worker;
}

/** Resolves once a worker's guard stands: it listens. */
export async function listens(url: string): Promise<void> {
  const guards = (): Promise<number> =>
    withClient(url, async (client) => {
      const { rows } = await client.query<{ n: number }>(
        "SELECT count(*)::int AS n FROM public.jobs_waiting",
      );
      return rows[0]?.n ?? 0;
    });
  await expect.poll(guards, SOON).toBe(1);
}

/** Resolves once what plain SQL has inserted was run. */
export async function insertIsRun(url: string, worker: Worker): Promise<void> {
  const { done } = worker.counts;
  await withClient(url, (client) => client.query("INSERT INTO public.jobs (job_type) VALUES ('a')"));
  await expect.poll(() => worker.counts.done, SOON).toBe(done + 1);
}
