import { setImmediate as eventsPass } from "node:timers/promises";
import { getHeapSpaceStatistics, setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { expect, test } from "vitest";

import type { JobContracts } from "../../src/core/contract.ts";
import { PickedUpJobRow } from "../../src/core/turn/picked-up-job-row.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { backoffPolicy } from "../../src/core/delay-policies.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { JobSlots } from "../../src/runners/job/job-slots.ts";
import { momentOf } from "../../src/runners/moment.ts";
import { LeaseKeeper } from "../../src/runners/worker/lease-keeper.ts";
import type { AnyHandler } from "../../src/runners/job/run-job.ts";
import { executor } from "../../src/core/make-executor.ts";

const JOBS = 500;
const LONG = 5;
const WARM_UP = 20;
const ROUNDS = 100;
/** Beside the payload's kilobyte. */
const PAYLOAD = JSON.stringify({ text: "x".repeat(1_000) });

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as (options: { type: "minor" | "major" }) => void;

function oldBytes(): number {
  return getHeapSpaceStatistics()
    .filter(({ space_name }) => space_name === "old_space" || space_name === "large_object_space")
    .reduce((sum, { space_used_size }) => sum + space_used_size, 0);
}

test("what a worker has settled is gone with the next small collection, and waits for no full one", async () => {
  const store = new PgJobStore<JobContracts>(
    executor({ query: () => Promise.reject(new Error("nothing is sent")) }),
  );
  const now = performance.now.bind(performance);
  const leases = new LeaseKeeper(
    {
      ...{ store, leaseMs: 30_000, now, calendar: Date.now },
      ...{ errors: { failed: () => undefined, answered: () => undefined }, onRevived: () => undefined },
    },
    () => undefined,
  );
  const slots: JobSlots = new JobSlots({
    slots: 10,
    runJob: {
      store,
      handlers: new Map<string, AnyHandler>([
        ["none", () => undefined],
        ["long", () => Promise.withResolvers().promise],
      ]),
      backoff: backoffPolicy(),
      timeoutSeconds: 1_200,
      logger: silentLogger,
      redact: undefined,
      now,
    },
    emit: () => undefined,
    mayStart: (job) => leases.isLive(job),
    onEnd: (job) => {
      leases.drop(job);
      slots.start();
    },
  });
  slots.open();
  function pickUp(type: string, count: number, lockedBy: string): void {
    const granted = momentOf({ now, calendar: Date.now });
    for (let id = 1; id <= count; id += 1) {
      const payload = `${PAYLOAD.slice(0, -2)}${id}"}`;
      const row = ["job", String(id), type, payload, null, null, null, "1700000000000", null, null, null];
      const job = new PickedUpJobRow(row, lockedBy);
      leases.hold(job, granted);
      slots.add(job);
    }
    slots.start();
  }
  async function round(nth: number): Promise<void> {
    pickUp("none", JOBS, `worker:${nth}`);
    while (slots.held > LONG) await eventsPass();
    const settlements = slots.settlementQueue.next();
    const answers = settlements.map(({ job }) => ({ ...job, verdict: "settled", status: "DONE" }) as const);
    slots.settlementQueue.answered(settlements, answers);
    collect({ type: "minor" });
  }

  // Beside them some that last: what holds both is never empty.
  pickUp("long", LONG, "worker:first");
  for (let nth = 0; nth < WARM_UP; nth += 1) await round(nth);
  collect({ type: "major" });
  const before = oldBytes();
  for (let nth = WARM_UP; nth < WARM_UP + ROUNDS; nth += 1) await round(nth);
  const left = oldBytes() - before;
  leases.stop();
  slots.giveUp();

  // They were 50 MB of payload.
  expect(left).toBeLessThan(3_000_000);
});
