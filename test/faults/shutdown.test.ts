import { constants } from "node:os";

import { expect, test } from "vitest";

import {
  faultyProcess,
  type Behaviour,
  type FaultyOptions,
  type FaultyProcess,
} from "../support/faulty-process.ts";
import { insertJobs, jobRow } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const SIGNALS = ["SIGTERM", "SIGINT"] as const;

const start = (a: Behaviour, options: Partial<FaultyOptions> = {}): FaultyProcess =>
  faultyProcess({ url: queue.url, handlers: { a }, ...options });

/** After the signal nothing was picked up, and the store was still of use when the loop had ended. */
async function endedCleanly(child: FaultyProcess): Promise<void> {
  expect(await child.ended).toEqual({ code: 0, signal: null });
  const after = child.said.slice(child.said.findIndex((line) => line.startsWith("signal")));
  expect(after.filter((line) => /^turn [1-9]/.test(line))).toEqual([]);
  expect(after.filter((line) => line.startsWith("started"))).toEqual([]);
  expect(await queue.rows("SELECT status FROM jobs WHERE job_type = 'after the end'")).toEqual([
    { status: "READY" },
  ]);
}

test.for(SIGNALS)("31: %s while idle ends the process at once", async (signal) => {
  const child = start("ends");
  await child.until("turn");
  child.kill(signal);
  await endedCleanly(child);
});

test.for(SIGNALS)(
  "31: %s while a pick-up is under way: what it brings is given back unstarted",
  async (signal) => {
    await queue.rows(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON jobs FOR EACH ROW WHEN (NEW.status = 'RUNNING') EXECUTE FUNCTION slow()`);
    const { client } = await queue.session();
    await client.query("SELECT pg_advisory_lock(1)");
    const id = await queue.insert();
    const child = start("ends");
    await child.until("turn");
    child.kill(signal);
    await child.until("signal");
    await client.query("SELECT pg_advisory_unlock(1)");
    await endedCleanly(child);
    await queue.rows("DROP FUNCTION slow CASCADE");
    expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0, released: 1 });
  },
);

test.for(SIGNALS)(
  "31: %s while jobs run: grace, then abort, then their attempts are given back",
  async (signal) => {
    await insertJobs(queue, 3);
    const child = start("heeds its signal", { shutdownGraceSeconds: 0.3 });
    await child.until("started");
    const signalledAt = performance.now();
    child.kill(signal);
    await endedCleanly(child);
    expect(performance.now() - signalledAt).toBeGreaterThan(300);
    expect(
      await queue.rows("SELECT status, attempts, released FROM jobs WHERE job_type = 'a' GROUP BY 1, 2, 3"),
    ).toEqual([{ status: "READY", attempts: 0, released: 1 }]);
  },
);

test.for(SIGNALS)("31: %s while a settlement is under way: it is awaited, and stands", async (signal) => {
  await queue.rows(`
    CREATE FUNCTION slow() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
    CREATE TRIGGER slow BEFORE UPDATE ON jobs FOR EACH ROW WHEN (NEW.status = 'DONE') EXECUTE FUNCTION slow()`);
  const { client } = await queue.session();
  await client.query("SELECT pg_advisory_lock(1)");
  const id = await queue.insert();
  const child = start("ends");
  await child.until("at settling");
  child.kill(signal);
  await child.until("signal");
  await client.query("SELECT pg_advisory_unlock(1)");
  await endedCleanly(child);
  await queue.rows("DROP FUNCTION slow CASCADE");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE", attempts: 1 });
});

test.for(SIGNALS)(
  "31: %s twice aborts at once, gives back, and exits with the signal's code",
  async (signal) => {
    const id = await queue.insert();
    const child = start("heeds its signal", { shutdownGraceSeconds: 600 });
    await child.until("started");
    child.kill(signal);
    await child.until("signal");
    child.kill(signal);
    expect(await child.ended).toEqual({ code: 128 + constants.signals[signal], signal: null });
    expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 0, released: 1 });
  },
);
