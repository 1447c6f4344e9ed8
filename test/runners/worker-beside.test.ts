import { expect, test } from "vitest";

import { RetryAfterError } from "../../src/core/errors.ts";
import { Gate } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, turnParts, type Statement } from "../support/wire.ts";

const queue = await testQueue();

interface Moment {
  readonly settling: number;
  readonly picking: number;
}

/** Notes, whenever a turn leaves, what is under way with it. */
function watched(): { readonly wire: Wire; readonly moments: Moment[] } {
  const wire = new Wire();
  const moments: Moment[] = [];
  const under = new Set<Statement>();
  wire.step = async (statement, send) => {
    if (statement.kind !== "turn") return await send();
    under.add(statement);
    const parts = [...under].map(turnParts);
    moments.push({
      settling: parts.filter(({ settlements }) => settlements > 0).length,
      picking: parts.filter(({ slots, buffer }) => slots + buffer > 0).length,
    });
    try {
      return await send();
    } finally {
      under.delete(statement);
    }
  };
  return { wire, moments };
}

test("a worker of many short jobs settles beside its pick-ups, and never has two turns of a kind under way", async () => {
  await insertJobs(queue, 8_000);
  const { wire, moments } = watched();
  await using worker = startWorker(queue, { wire });
  await worker.log.until("done", 8_000);
  expect(Math.max(...moments.map(({ settling }) => settling))).toBe(1);
  expect(Math.max(...moments.map(({ picking }) => picking))).toBe(1);
  const apart = worker.wire
    .turns()
    .map(turnParts)
    .filter(({ settlements, slots, buffer }) => settlements > 0 && slots + buffer === 0);
  expect(apart.length).toBeGreaterThan(3);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 8_000 });
});

test("a worker of few settles and picks up in one turn", async () => {
  await insertJobs(queue, 300);
  const { wire, moments } = watched();
  await using worker = startWorker(queue, { wire, concurrency: 10, maxBuffer: 0 });
  await worker.log.until("done", 300);
  for (const { settling, picking } of moments) expect(settling + picking).toBeLessThanOrEqual(2);
  const turns = worker.wire.turns().map(turnParts);
  expect(turns.filter(({ settlements, slots }) => settlements > 0 && slots > 0).length).toBeGreaterThan(10);
});

test("what is settled beside a look and due again at once is looked for, though nothing else wakes the worker", async () => {
  await insertJobs(queue, 250);
  const gate = new Gate();
  const wire = new Wire();
  const answeredLooks = (): number =>
    wire.turns().filter((turn) => turn.rows !== undefined && turnParts(turn).slots > 0).length;
  let apart = 0;
  wire.step = async (statement, send) => {
    const { settlements, slots } = turnParts(statement);
    if (statement.kind !== "turn" || settlements < 200 || slots > 0) return await send();
    apart += 1;
    // The look beside it is answered first: it has seen nothing of what is settled here.
    await wire.until(() => (answeredLooks() > 1 ? true : undefined));
    return await send();
  };
  await using worker = startWorker(queue, {
    wire,
    concurrency: 500,
    // It hears nothing: no NOTIFY of its own settlement's either.
    between: (executor) => ({
      ...executor,
      listen: () => Promise.reject(new Error("this executor has no LISTEN")),
    }),
    handlers: {
      a: async ({ job }) => {
        await gate.opened;
        if (job.attempts === 1) throw new RetryAfterError(0);
      },
    },
  });
  await wire.until(() => (worker.log.of("started").length === 250 ? true : undefined));
  gate.open();
  worker.worker.wake();
  await worker.log.until("done", 250);
  expect(apart).toBeGreaterThan(0);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 250 });
});

test.for(["is lost", "comes to nothing"])(
  "where the answer to such a settlement %s, it is repeated, and no job runs twice",
  async (how) => {
    await insertJobs(queue, 6_000);
    const wire = new Wire();
    let cut = 0;
    wire.step = async (statement, send) => {
      const { settlements, slots, buffer } = turnParts(statement);
      const apart = statement.kind === "turn" && settlements > 0 && slots + buffer === 0;
      if (!apart || cut === 3) return await send();
      cut += 1;
      if (how === "is lost") await send();
      throw connectionLost();
    };
    await using worker = startWorker(queue, { wire, loopError: { delayMs: () => 10 } });
    await worker.log.until("done", 6_000);
    expect(cut).toBe(3);
    expect(worker.log.of("started").length).toBe(6_000);
    expect(await jobsByStatus(queue)).toEqual({ DONE: 6_000 });
  },
);

test("a stop waits for both", async () => {
  await insertJobs(queue, 20_000);
  const { wire } = watched();
  const worker = startWorker(queue, { wire });
  await worker.log.until("done", 4_000);
  await worker.worker.stop();
  const done = worker.log.of("done").length;
  expect(await jobsByStatus(queue)).toEqual({ DONE: done, READY: 20_000 - done });
});
