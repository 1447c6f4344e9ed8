import { setTimeout as wait } from "node:timers/promises";

import { expect, test } from "vitest";

import { Worker } from "../../../src/runners/worker/worker.ts";
import { quantile } from "../../support/fault-ledger.ts";
import { faultyProcess, type FaultyProcess } from "../../support/faulty-process.ts";
import { insertJobs, jobsByStatus } from "../../support/job-rows.ts";
import { pooledStore } from "../../support/pooled-store.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();
const WAVES = Number(process.env["FAULT_WAVES"] ?? 5);
const VICTIMS = 10;
const JOBS_EACH = 3;
/** The default, and how often it is extended. */
const LEASE_MS = 30_000;
const EXTENDED_EVERY_MS = 10_000;

interface Victim {
  readonly type: string;
  readonly process: FaultyProcess;
}

test(`1: after ${WAVES} times ${VICTIMS} kills all jobs run again within a lease and two seconds, at default settings`, async () => {
  const recoveries: number[] = [];
  for (let wave = 0; wave < WAVES; wave += 1) {
    recoveries.push(...(await killWave(wave)));
    console.log(`wave ${wave + 1} of ${WAVES}: ${spread(recoveries)}`);
  }
  expect(recoveries).toHaveLength(WAVES * VICTIMS * JOBS_EACH);
  expect(Math.max(...recoveries)).toBeLessThan(LEASE_MS + 2_000);
  expect(await jobsByStatus(queue)).toEqual({ DONE: recoveries.length });
  expect(await queue.rows("SELECT DISTINCT attempts FROM jobs")).toEqual([{ attempts: 2 }]);
});

/** Kills ten processes beside one worker that stays. @returns from each job's kill to its next start */
async function killWave(wave: number): Promise<number[]> {
  const victims: Victim[] = [];
  // One after the other: a machine of two cores starts them no sooner at once.
  for (let n = 0; n < VICTIMS; n += 1) victims.push(await startVictim(`${wave}-${n}`));
  const killedAt = new Map<string, number>();
  const recoveries: number[] = [];
  const recovered = Promise.withResolvers<undefined>();
  const note = ({ job }: { readonly job: { readonly type: string } }): void => {
    recoveries.push(performance.now() - (killedAt.get(job.type) ?? Infinity));
    if (recoveries.length === VICTIMS * JOBS_EACH) recovered.resolve(undefined);
  };
  const handlers = Object.fromEntries(victims.map(({ type }) => [type, note]));
  await using _survivor = new Worker({
    store: pooledStore(queue),
    concurrency: 10,
    env: {},
    handlers,
  }).start();
  await Promise.all(
    victims.map(async ({ type, process: victim }) => {
      // At any moment between two extensions.
      await wait(Math.random() * EXTENDED_EVERY_MS);
      killedAt.set(type, performance.now());
      victim.kill("SIGKILL");
      await victim.ended;
    }),
  );
  await recovered.promise;
  return recoveries;
}

/** A worker at default settings that runs jobs of a type of its own. */
async function startVictim(type: string): Promise<Victim> {
  await insertJobs(queue, JOBS_EACH, type);
  const process = faultyProcess({ url: queue.url, handlers: { [type]: "hangs" } });
  const started = (): readonly string[] => process.said.filter((line) => line.startsWith("started"));
  await expect.poll(started, { timeout: 60_000 }).toHaveLength(JOBS_EACH);
  return { type, process };
}

function spread(ms: readonly number[]): string {
  const [p50, p99, max] = [0.5, 0.99, 1].map((share) => (quantile(ms, share) / 1_000).toFixed(1));
  return `${ms.length} jobs, p50 ${p50} s, p99 ${p99} s, max ${max} s`;
}
