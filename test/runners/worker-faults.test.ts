import { expect, test } from "vitest";

import { Gate, takes } from "../support/handlers.ts";
import { insertJobs, jobRow, jobsByStatus } from "../support/job-rows.ts";
import { timed } from "../support/machine-time.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost, loseAnswer, turnParts, untilIdle } from "../support/wire.ts";

const queue = await testQueue();
const loopError = { delayMs: () => 10 };

/** Applies `step` to the first turn, from now on, that passes the test. */
function once(wire: Wire, test: (parts: ReturnType<typeof turnParts>) => boolean, step: Wire["step"]): Gate {
  const met = new Gate();
  wire.step = (statement, send) => {
    if (statement.kind !== "turn" || !test(turnParts(statement))) return send();
    wire.step = (_statement, sendOn) => sendOn();
    met.open();
    return step(statement, send);
  };
  return met;
}

test("a turn whose answer is lost: its settlements are repeated alone, its pick-up found, nothing runs twice", async () => {
  await insertJobs(queue, 40);
  const wire = new Wire();
  const runs: string[] = [];
  const met = once(wire, ({ settlements, slots }) => settlements > 0 && slots > 0, loseAnswer);
  await using worker = startWorker(queue, {
    wire,
    loopError,
    maxBuffer: 0,
    handlers: {
      a: ({ job }) => {
        runs.push(job.id);
      },
    },
  });
  await met.opened;
  const at = wire.sent.length;
  await worker.log.until("done", 40);
  const [next] = wire.sent.slice(at).filter(({ kind }) => kind === "turn");
  expect(next && turnParts(next)).toMatchObject({ slots: 0 });
  expect(next && turnParts(next).settlements).toBeGreaterThan(0);
  expect(wire.sent.some(({ kind }) => kind === "findPickUp")).toBe(true);
  expect(runs).toHaveLength(40);
  expect(new Set(runs).size).toBe(40);
  expect(await queue.rows("SELECT status, attempts, count(*)::int AS n FROM jobs GROUP BY 1, 2")).toEqual([
    { status: "DONE", attempts: 1, n: 40 },
  ]);
});

test("a first pick-up whose answer is lost is found by its nonce, and its jobs run", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  once(wire, ({ slots }) => slots > 0, loseAnswer);
  await using worker = startWorker(queue, { wire, loopError });
  await worker.log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test("while a lost pick-up is looked for in vain, what ends is settled, and a stop is in time", async () => {
  await queue.insert();
  const wire = new Wire();
  const ends = new Gate();
  await using worker = startWorker(queue, {
    wire,
    loopError,
    concurrency: 2,
    // The search may take a third of it.
    leaseMs: 3_600_000,
    handlers: { a: () => ends.opened },
  });
  await worker.log.until("started");
  // A turn that is under way picks up what is inserted now, and its answer is not lost.
  await untilIdle(wire);
  const hangs = new Gate();
  let loses = true;
  wire.step = (statement, send) => {
    if (statement.kind === "findPickUp") {
      hangs.open();
      return new Promise(() => undefined);
    }
    if (!loses || statement.kind !== "turn" || turnParts(statement).slots === 0) return send();
    loses = false;
    return loseAnswer(statement, send);
  };
  await queue.insert();
  await hangs.opened;
  ends.open();
  await worker.log.until("done");
  await worker.worker.stop({ graceMs: 0 });
  expect(await jobsByStatus(queue)).toMatchObject({ DONE: 1 });
});

test("a pick-up that is carried out after its answer was given up on is found too", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  const failed = new Gate();
  once(
    wire,
    ({ slots }) => slots > 0,
    async (_statement, send) => {
      // It reaches the server only after the worker has looked for it in vain.
      void failed.opened.then(send);
      return Promise.reject(connectionLost());
    },
  );
  await using worker = startWorker(queue, { wire, loopError, handlers: { a: () => "ran" } });
  await wire.answered(({ kind }) => kind === "findPickUp");
  // Out of reach of another pick-up, so that only the late one can have it.
  await queue.rows("UPDATE jobs SET job_type = 'a' WHERE id = $1", [id]);
  failed.open();
  await worker.log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

/** Loses the answer of the first pick-up, and the first look for it: the next one comes a second later. */
function loseAnswerAndLook(wire: Wire): void {
  let looks = 0;
  wire.step = (statement, send) => {
    if (statement.kind === "findPickUp" && (looks += 1) === 1) return Promise.reject(connectionLost());
    return wire.sent.length === 1 ? loseAnswer(statement, send) : send();
  };
}

test("a found pick-up's lease is counted from when it was sent", async () => {
  await queue.insert();
  const wire = new Wire();
  loseAnswerAndLook(wire);
  await using worker = startWorker(queue, {
    wire,
    leaseMs: 2_600,
    loopError,
    handlers: { a: takes(900) },
  });
  await worker.log.until("started");
  // More than a third of the lease has gone by: it is extended at the next tick, not after another third.
  const { tookMs } = await timed(queue, () => wire.answered(({ kind }) => kind === "extend"));
  expect(tookMs).toBeLessThan(600);
  await worker.log.until("done");
});

test("a found pick-up is given back where its lease may be over, or the worker is to stop", async () => {
  const id = await queue.insert();
  const wire = new Wire();
  loseAnswerAndLook(wire);
  const { worker, log } = startWorker(queue, { wire, leaseMs: 1_600, loopError });
  await log.until("released");
  await log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1, released: 1 });
  const met = once(wire, ({ slots }) => slots > 0, loseAnswer);
  const other = await queue.insert();
  await met.opened;
  await worker.stop();
  expect(await jobRow(queue, other)).toMatchObject({ status: "READY", attempts: 0, released: 1 });
});

test("a turn that fails while the worker is idle is tried again by the loop's policy, not at the next poll", async () => {
  const wire = new Wire();
  await using worker = startWorker(queue, { wire, loopError });
  await untilIdle(wire);
  let refusals = 0;
  wire.step = (statement, send) => {
    if (statement.kind !== "turn" || refusals >= 3) return send();
    refusals += 1;
    return Promise.reject(Object.assign(new Error("deadlock detected"), { code: "53300" }));
  };
  await queue.insert();
  await worker.log.until("done");
  expect(refusals).toBe(3);
});

test("the loop's policy is asked how often it has failed in a row", async () => {
  const wire = new Wire();
  const asked: number[] = [];
  wire.step = (_statement, send) => (asked.length < 4 ? Promise.reject(connectionLost()) : send());
  await queue.insert();
  await using worker = startWorker(queue, {
    wire,
    loopError: {
      delayMs: (failures) => {
        asked.push(failures);
        return 5;
      },
    },
  });
  await worker.log.until("done");
  expect(asked).toEqual([1, 2, 3, 4]);
});

test("a restart of the database's connections: the worker carries on, and every job runs to its end", async () => {
  await insertJobs(queue, 200);
  await using worker = startWorker(queue, { concurrency: 5, loopError, handlers: { a: takes(5) } });
  for (const done of [20, 80, 140]) {
    await worker.log.until("done", done);
    await queue.rows(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid()",
    );
  }
  await worker.log.until("done", 200);
  await queue.insert();
  await worker.log.until("done", 201);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 201 });
  const [twice] = await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE attempts > 1");
  expect(twice).toEqual({ n: 0 });
});

test("a settlement that PostgreSQL refuses does not keep the others from theirs", async () => {
  await insertJobs(queue, 10);
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT no_three CHECK (result->>'n' <> '3')");
  try {
    await using worker = startWorker(queue, { loopError, handlers: { a: ({ payload }) => payload } });
    await worker.log.until("done", 10);
    const [refused] = await queue.rows(
      "SELECT status, result, last_error FROM jobs WHERE payload->>'n' = '3'",
    );
    expect(refused).toMatchObject({ status: "DONE", result: null });
    expect(refused?.["last_error"]).toContain(
      "the database refused what the attempt would have written (23514)",
    );
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT no_three");
  }
});

test("a row that a trigger never lets be settled blocks neither the others nor new jobs", async () => {
  await insertJobs(queue, 5);
  await queue.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''not this one''; END'`);
  await queue.rows(`CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.status = 'RUNNING' AND OLD.payload->>'n' = '3') EXECUTE FUNCTION refuse()`);
  try {
    await using worker = startWorker(queue, { loopError });
    await worker.log.until("done", 4);
    await queue.insert();
    await worker.log.until("done", 5);
    expect(await jobsByStatus(queue)).toEqual({ DONE: 5, RUNNING: 1 });
  } finally {
    await queue.rows("DROP FUNCTION refuse CASCADE");
  }
});

test("a settlement whose row is locked is tried again, and not as fast as the database can answer", async () => {
  const id = await queue.insert();
  const { client } = await queue.session();
  await using worker = startWorker(queue, {
    handlers: {
      a: async ({ job }) => {
        if (job.id !== id) return;
        await client.query("BEGIN");
        await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
      },
    },
  });
  await worker.wire.answered((sent) => sent.kind === "turn" && turnParts(sent).settlements > 0);
  const before = worker.wire.sent.length;
  await takes(500)({ signal: new AbortController().signal });
  expect(worker.wire.sent.length - before).toBeLessThan(12);
  // It does not keep other jobs from running.
  await queue.insert();
  await worker.log.until("done");
  expect(await jobsByStatus(queue)).toEqual({ RUNNING: 1, DONE: 1 });
  await client.query("COMMIT");
  await worker.log.until("done", 2);
});

test("a job that others hold locked is looked for again soon, and found", async () => {
  const id = await queue.insert();
  const { client } = await queue.session();
  await client.query("BEGIN");
  await client.query("SELECT FROM jobs WHERE id = $1 FOR UPDATE", [id]);
  await using worker = startWorker(queue);
  await worker.wire.until(() => (worker.wire.turns().length >= 4 ? true : undefined));
  await client.query("ROLLBACK");
  await worker.log.until("done");
});

test("a lost row that a trigger never lets be reaped does not keep the others from their turn", async () => {
  const stuck = await queue.insert({
    status: "'RUNNING'",
    attempts: "1",
    locked_by: "'gone'",
    lease_holder: "'gone'",
    lease_expires_at: "now() - interval '1 s'",
  });
  await queue.rows(`CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
    'BEGIN RAISE EXCEPTION ''not this one''; END'`);
  await queue.rows(`CREATE TRIGGER refuse BEFORE UPDATE ON jobs FOR EACH ROW
    WHEN (OLD.id = ${stuck}) EXECUTE FUNCTION refuse()`);
  try {
    await insertJobs(queue, 5);
    await using worker = startWorker(queue, { loopError });
    await worker.log.until("done", 5);
    await queue.insert();
    await worker.log.until("done", 6);
  } finally {
    await queue.rows("DROP FUNCTION refuse CASCADE");
  }
});
