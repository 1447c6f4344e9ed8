import { expect, test } from "vitest";

import { executor } from "../../src/core/make-executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { healthRoute } from "../../src/integrations/health.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { testPool } from "../support/pool.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

test("a worker says that it has not been started, works, hears, and stops", async () => {
  const pool = testPool(queue.url, { max: 4 });
  const store = new PgJobStore(pgExecutor(pool), { logger: false });
  let end = (): void => undefined;
  const handlers = { a: () => new Promise<void>((resolve) => (end = resolve)) };
  const worker = new Worker({ store, handlers, logger: false });
  expect(worker.health).toEqual({
    ...{ ok: false, state: "not started", failingForMs: null },
    ...{ listening: false, running: 0, unsettled: 0 },
  });
  worker.start();
  await expect.poll(() => worker.health).toMatchObject({ ok: true, state: "working", listening: true });
  await store.enqueue("a", {});
  await expect.poll(() => worker.health.running).toBe(1);
  const stopped = worker.stop();
  expect(worker.health).toMatchObject({ ok: false, state: "stopping", running: 1 });
  end();
  await stopped;
  await pool.end();
});

test("a worker whose database is away is failing, for how long it says, and works again with the first answer", async () => {
  let away = false;
  const store = new PgJobStore(
    executor({
      query: async (text, params) => {
        if (away) throw new Error("away");
        return await queue.store.connection.executor.query(text, params);
      },
    }),
    { logger: false },
  );
  const options = { store, handlers: { a: () => undefined }, logger: false as const };
  await using worker = new Worker({ ...options, idlePoll: { delayMs: () => 20 } }).start();
  const [alive, ready] = [healthRoute({ worker }), healthRoute({ worker, store })];
  await expect.poll(async () => (await ready()).status).toBe(200);
  away = true;
  await expect.poll(() => worker.health.state).toBe("failing");
  await expect.poll(() => worker.health.failingForMs).toBeGreaterThan(0);
  expect((await alive()).status).toBe(503);
  const unready = await ready();
  expect([unready.status, await unready.json()]).toMatchObject([503, { ok: false, database: false }]);
  away = false;
  await expect.poll(() => worker.health).toMatchObject({ ok: true, state: "working", failingForMs: null });
  expect(await (await ready()).json()).toMatchObject({
    ok: true,
    database: true,
    worker: { state: "working" },
  });
});
