import { expect, test } from "vitest";

import type { PgTransaction } from "../../src/adapters/pg/pg.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { deaf } from "../support/deaf.ts";
import { Gate, takes } from "../support/handlers.ts";
import { insertJobs, jobsByStatus } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, turnParts, untilIdle } from "../support/wire.ts";

const queue = await testQueue();

type Executor = SqlExecutor<PgTransaction>;
/** A driver that can't LISTEN, as over HTTP. */
const withoutListen = (executor: Executor): Executor => {
  const copy = { ...executor };
  delete copy.listen;
  return copy;
};

/** How many statements are sent within a window: what is not sent can't be waited for. */
const sentWithin = async (wire: Wire, ms: number): Promise<number> => {
  const before = wire.sent.length;
  await takes(ms)({ signal: new AbortController().signal });
  return wire.sent.length - before;
};

test("a plain INSERT of another session wakes an idle worker", async () => {
  await using worker = startWorker(queue);
  await untilIdle(worker.wire);
  const before = worker.wire.sent.length;
  await queue.insert();
  await worker.log.until("done");
  // The look that found it, and the settlement: nothing else was sent.
  expect(worker.wire.sent.length - before).toBeLessThanOrEqual(3);
});

test("so does a job that another worker's settlement makes due again", async () => {
  await using idle = startWorker(queue);
  await untilIdle(idle.wire);
  const { store } = await queue.session();
  const id = await queue.insert({ job_type: "'other'" });
  await using _other = startWorker(queue, {
    handlers: {
      other: async () => {
        await queue.rows("UPDATE jobs SET job_type = 'a' WHERE id = $1", [id]);
        throw new Error("for the other worker");
      },
    },
    backoff: { delayMs: () => 0 },
  });
  await idle.log.until("done");
  expect(await store.get(id)).toMatchObject({ status: "DONE", attempts: 2 });
});

test("an enqueue through the worker's own store wakes it, without LISTEN", async () => {
  await using worker = startWorker(queue, { between: withoutListen });
  await worker.wire.answered(({ kind }) => kind === "turn");
  await worker.store.enqueue("a", {});
  await worker.log.until("done");
});

test("wake() makes it look, without LISTEN", async () => {
  await using worker = startWorker(queue, { between: withoutListen });
  await worker.wire.answered(({ kind }) => kind === "turn");
  await queue.insert();
  worker.worker.wake();
  await worker.log.until("done");
});

test("a wake-up that comes while a turn is under way is not lost", async () => {
  const wire = new Wire();
  const inserted = new Gate();
  wire.step = async (statement, send) => {
    const rows = await send();
    // The first turn has looked, and its answer is on its way.
    if (statement.kind === "turn" && wire.turns().length === 1) await inserted.opened;
    return rows;
  };
  await using worker = startWorker(queue, { wire, between: withoutListen });
  await wire.until(() => wire.turns()[0]);
  await queue.rows("SELECT 1");
  await worker.store.enqueue("a", {});
  inserted.open();
  await worker.log.until("done");
});

test("it sleeps until the next job is due", async () => {
  await queue.insert({ run_after: "now() + interval '400 ms'" });
  await using worker = startWorker(queue, { between: withoutListen });
  await worker.log.until("done");
  expect(worker.wire.turns().length).toBeLessThanOrEqual(4);
});

test("a job that becomes due later than another one enqueued after it does not hold that up", async () => {
  await queue.insert({ run_after: "now() + interval '1 hour'" });
  await using worker = startWorker(queue);
  await untilIdle(worker.wire);
  await queue.insert();
  await worker.log.until("done");
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1, READY: 1 });
});

test.for([
  ["without LISTEN", withoutListen],
  ["with a LISTEN that hears nothing", deaf],
  [
    "with a LISTEN that fails",
    (executor: Executor) => ({
      ...executor,
      listen: () => Promise.reject(new Error("LISTEN is not for this pooler")),
    }),
  ],
] as const)("%s it polls by the idle policy, and begins anew after each find", async ([, between]) => {
  const asked: number[] = [];
  const third = new Gate();
  await using worker = startWorker(queue, {
    between,
    idlePoll: {
      delayMs: (emptyPolls) => {
        asked.push(emptyPolls);
        if (emptyPolls === 3) third.open();
        return 5;
      },
    },
  });
  await third.opened;
  await queue.insert();
  await worker.log.until("done");
  expect(asked.slice(0, 3)).toEqual([1, 2, 3]);
  const found = asked.length;
  await worker.wire.until(() => (asked.length > found + 1 ? true : undefined));
  expect(asked.slice(3)).toContain(1);
});

test("an idle worker stands guard, so that inserts notify; no longer once it has stopped", async () => {
  const { worker, wire } = startWorker(queue, { workerId: "guardian" });
  await untilIdle(wire);
  const [row] = await queue.rows("SELECT worker, until > now() AS stands FROM jobs_waiting");
  expect(row).toMatchObject({ stands: true });
  expect(row?.["worker"]).toMatch(/^guardian:/);
  await worker.stop();
  expect(await queue.rows("SELECT FROM jobs_waiting WHERE until > now()")).toEqual([]);
});

test("under a backlog the guard is lowered, and raised when that ends", async () => {
  await using worker = startWorker(queue, { concurrency: 1, maxBuffer: 0, handlers: { a: takes(60) } });
  await untilIdle(worker.wire);
  await insertJobs(queue, 25);
  const lowered = await worker.wire.answered((sent) => sent.kind === "turn" && turnParts(sent).guardMs === 0);
  expect(await queue.rows("SELECT FROM jobs_waiting WHERE until > now()")).toEqual([]);
  await worker.log.until("done", 25);
  const at = worker.wire.sent.indexOf(lowered);
  await worker.wire.until(() =>
    worker.wire.sent.slice(at + 1).find((sent) => sent.rows && (turnParts(sent).guardMs ?? 0) > 0),
  );
  await queue.insert();
  await worker.log.until("done", 26);
});

test("a worker that finds several jobs at each look is not told of more, and is again once it finds none", async () => {
  await using worker = startWorker(queue);
  await untilIdle(worker.wire);
  const ended = new AbortController();
  const many = (async () => {
    // Nothing that it could call a backlog: it takes them all each time.
    while (!ended.signal.aborted) await insertJobs(queue, 6);
  })();
  const lowered = await worker.wire.answered((sent) => sent.kind === "turn" && turnParts(sent).guardMs === 0);
  ended.abort();
  await many;
  const at = worker.wire.sent.indexOf(lowered);
  await worker.wire.until(() =>
    worker.wire.sent.slice(at + 1).find((sent) => sent.rows && (turnParts(sent).guardMs ?? 0) > 0),
  );
  const done = worker.log.of("done").length;
  await queue.insert();
  await worker.log.until("done", done + 1);
});

test("after a turn that failed the guard is raised anew: a server that crashed has lost it", async () => {
  const wire = new Wire();
  await using worker = startWorker(queue, { wire, loopError: { delayMs: () => 1 } });
  await untilIdle(wire);
  await queue.rows("TRUNCATE jobs_waiting");
  wire.step = () => {
    wire.step = (_statement, send) => send();
    return Promise.reject(connectionLost());
  };
  worker.worker.wake();
  const at = wire.sent.length;
  await wire.until(() => wire.sent.slice(at).find((sent) => sent.rows && (turnParts(sent).guardMs ?? 0) > 0));
  await untilIdle(wire);
  await queue.insert();
  await worker.log.until("done");
});

test("a job whose writer looked for the guard before it stood is found all the same", async () => {
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("INSERT INTO jobs (job_type) VALUES ('a')");
  await using worker = startWorker(queue);
  await worker.wire.answered((sent) => sent.kind === "turn" && (turnParts(sent).guardMs ?? 0) > 0);
  await client.query("COMMIT");
  await worker.log.until("done");
});

test("an idle worker sends a handful of statements until it sleeps, and then none", async () => {
  await using worker = startWorker(queue);
  await untilIdle(worker.wire);
  expect(worker.wire.sent.length).toBeLessThanOrEqual(20);
  expect(await sentWithin(worker.wire, 700)).toBe(0);
});

test("with safetyPollSeconds: Infinity an idle worker sends nothing, not even to reap, until it is woken", async () => {
  await using worker = startWorker(queue, { safetyPollSeconds: Infinity, reapIntervalSeconds: 1 });
  await untilIdle(worker.wire);
  expect(await sentWithin(worker.wire, 1_500)).toBe(0);
  await queue.insert();
  await worker.log.until("done");
});

test("the safety poll looks all the same, and is one turn with the reaper's", async () => {
  await using worker = startWorker(queue, { safetyPollSeconds: 1, reapIntervalSeconds: 1 });
  await untilIdle(worker.wire);
  const before = worker.wire.sent.length;
  const turn = await worker.wire.until(() => worker.wire.sent.slice(before).find(({ rows }) => rows));
  expect(turnParts(turn)).toMatchObject({ slots: 10, reaps: true });
});

test("a worker whose slots are all taken sends no more than it must", async () => {
  await insertJobs(queue, 5);
  const gate = new Gate();
  await using worker = startWorker(queue, {
    concurrency: 1,
    reapIntervalSeconds: 1,
    handlers: { a: () => gate.opened },
  });
  await worker.log.until("started");
  // Two or three reaps; leases of 30 s need no extension yet.
  expect(await sentWithin(worker.wire, 2_200)).toBeLessThanOrEqual(6);
  gate.open();
  await worker.log.until("done", 5);
});

test("a job of an executor that only the first probe failed to reach is still told by NOTIFY", async () => {
  const wire = new Wire();
  wire.step = (sent, send) =>
    sent.kind === "turn" &&
    turnParts(sent).probes &&
    wire.turns().filter((turn) => turnParts(turn).probes).length === 1
      ? Promise.reject(new Error("the probe is lost"))
      : send();
  await using worker = startWorker(queue, {
    wire,
    safetyPollSeconds: Infinity,
    idlePoll: { delayMs: () => 600_000 },
    loopError: { delayMs: () => 1 },
  });
  await untilIdle(wire);
  await queue.insert();
  await worker.log.until("done");
});
