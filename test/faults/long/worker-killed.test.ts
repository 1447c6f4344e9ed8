import { expect, test } from "vitest";

import { PHASES, killWorkers } from "../../support/killed-workers.ts";
import { testQueue } from "../../support/queue.ts";

const queue = await testQueue();
const LEASE_MS = 30_000;
const KILLS = 75;

test(`1: after ${KILLS} kills at default settings all jobs run again within a lease and two seconds`, async () => {
  const phases = Array.from({ length: KILLS }, (_, n) => PHASES[n % PHASES.length] ?? "handling");
  const recoveries = await killWorkers(queue, phases, { atOnce: 15 });
  const times = recoveries.flatMap(({ afterMs }) => afterMs ?? []).toSorted((one, other) => one - other);
  expect(times.length).toBeGreaterThanOrEqual(50);
  const at = (share: number): string =>
    ((times[Math.ceil(times.length * share) - 1] ?? 0) / 1_000).toFixed(1);
  console.log(
    `${KILLS} kills, ${times.length} with jobs to run again: p50 ${at(0.5)} s, p99 ${at(0.99)} s, max ${at(1)} s`,
  );
  for (const { phase, afterMs } of recoveries) expect(afterMs ?? 0, phase).toBeLessThan(LEASE_MS + 2_000);
  expect(await queue.rows("SELECT DISTINCT status FROM jobs")).toEqual([{ status: "DONE" }]);
});
