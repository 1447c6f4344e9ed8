import { describe, expect, onTestFinished, test } from "vitest";

import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { FAULT_DRIVERS, faultClients } from "../support/fault-clients.ts";
import { jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";

const WAIT = { timeout: 100_000, interval: 20 };

const queue = await testQueue();

/** Sessions that begin from now on are read-only for good, as those that a failover leaves on a standby. */
async function setReadOnly(value: "on" | "off"): Promise<void> {
  const [row] = await queue.rows("SELECT current_database() AS name");
  const { client } = await queue.session();
  await client.query("SET default_transaction_read_only = off");
  await client.query(`ALTER DATABASE ${String(row?.["name"])} SET default_transaction_read_only = ${value}`);
}

/** Jobs of a session that may write. */
async function insertBefore(count: number): Promise<void> {
  await setReadOnly("off");
  const { client } = await queue.session();
  await client.query("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, $1::int)", [count]);
  await setReadOnly("on");
}

describe.each(FAULT_DRIVERS)("over %s", (driver) => {
  const openStore = (): PgJobStore => {
    const client = faultClients[driver](queue.url, 4);
    onTestFinished(async () => {
      await client.end();
    });
    return new PgJobStore(client.executor);
  };

  test("23: sessions that are read-only (25006) are left, and the worker goes on in others", async () => {
    await insertBefore(20);
    let runs = 0;
    const failures: unknown[] = [];
    const worker = new Worker({
      concurrency: 10,
      store: openStore(),
      env: {},
      handlers: { a: () => void (runs += 1) },
      logger: {
        debug: () => undefined,
        info: () => undefined,
        error: () => undefined,
        warn: (_, fields) => void failures.push(fields?.["error"]),
      },
    }).start();
    onTestFinished(() => worker.stop({ graceMs: 0 }));
    await expect.poll(() => failures.length, WAIT).toBeGreaterThan(2);
    expect(failures.join()).toContain("read-only");
    await setReadOnly("off");
    await expect.poll(() => jobsByStatus(queue), WAIT).toEqual({ DONE: 20 });
    expect(runs).toBe(20);
  });

  test("23: an enqueue and a drain say 25006, and that session serves no more", async () => {
    await insertBefore(1);
    const store = openStore();
    await expect(store.enqueue("a", {})).rejects.toMatchObject({ code: "25006" });
    await expect(
      drainOnce({ store, handlers: { a: () => undefined }, budgetMs: 5_000 }),
    ).rejects.toMatchObject({
      code: "25006",
    });
    await setReadOnly("off");
    await expect
      .poll(
        () =>
          store.enqueue("a", {}).then(
            ({ created }) => created,
            () => false,
          ),
        WAIT,
      )
      .toBe(true);
    expect(await drainOnce({ store, handlers: { a: () => undefined }, budgetMs: 5_000 })).toMatchObject({
      done: 2,
    });
  });
});
