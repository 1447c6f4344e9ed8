import { expect, test } from "vitest";

import { tableNames } from "../../src/core/sql/table-names.ts";
import { takes } from "../support/handlers.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, type TestWorker } from "../support/test-worker.ts";
import { untilIdle } from "../support/wire.ts";

const queue = await testQueue();
const { channel } = tableNames();

const notify = (payload: string): Promise<unknown> =>
  queue.rows("SELECT pg_notify($1, $2)", [channel, payload]);

/** How many statements the workers have sent, once those that were on their way have left. */
async function sent(workers: readonly TestWorker[]): Promise<number> {
  await takes(300)({ signal: new AbortController().signal });
  return workers.reduce((sum, { wire }) => sum + wire.sent.length, 0);
}

async function idle(count: number): Promise<readonly TestWorker[]> {
  const workers = Array.from({ length: count }, () => startWorker(queue));
  await Promise.all(workers.map(({ wire }) => untilIdle(wire)));
  return workers;
}

test.for([
  ["each says what it waits for", "SELECT 1"],
  [
    "one of 0.1.0 waits too, which says nothing",
    "INSERT INTO jobs_waiting VALUES ('old', now() + interval '1 hour')",
  ],
] as const)(
  "ten idle workers beside an inserter of others' types, and for tomorrow, send nothing: %s",
  async ([, setUp]) => {
    const workers = await idle(10);
    await queue.rows(setUp);
    const before = await sent(workers);
    for (let n = 0; n < 100; n += 1) {
      await queue.insert({ job_type: "'other'" });
      await queue.insert({ run_after: "now() + interval '1 day'" });
    }
    expect(await sent(workers)).toBe(before);
    await queue.insert();
    await Promise.race(workers.map(({ log }) => log.until("done")));
    await Promise.all(workers.map(({ worker }) => worker.stop({ graceMs: 0 })));
  },
);

test.for(["", "[9]", "something else"])(
  "a message that tells nothing (%j), as an older table's trigger sends, wakes all the same",
  async (payload) => {
    await using worker = startWorker(queue);
    await untilIdle(worker.wire);
    await queue.rows("ALTER TABLE jobs DISABLE TRIGGER USER");
    try {
      await queue.insert();
    } finally {
      await queue.rows("ALTER TABLE jobs ENABLE TRIGGER USER");
    }
    await notify(payload);
    await worker.log.until("done");
  },
);

test("a job that is due in a moment is started then, and not looked for before", async () => {
  await using worker = startWorker(queue);
  await untilIdle(worker.wire);
  const before = worker.wire.sent.length;
  await queue.insert({ run_after: "now() + interval '900 ms'" });
  expect((await sent([worker])) - before).toBe(0);
  await worker.log.until("done");
  const [row] = await queue.rows(
    "SELECT locked_at IS NULL AND finished_at >= run_after AS in_time FROM jobs",
  );
  expect(row).toEqual({ in_time: true });
});

test("a worker of many types hears of each", async () => {
  const types = Array.from({ length: 300 }, (_, n) => `type-${n}`);
  await using worker = startWorker(queue, {
    handlers: Object.fromEntries(types.map((type) => [type, () => undefined])),
  });
  await untilIdle(worker.wire);
  await queue.insert({ job_type: "'type-299'" });
  await worker.log.until("done");
});
