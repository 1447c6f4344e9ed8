/** A worker whose connection is cut once while it picks up, runs and settles a job. */
import assert from "node:assert/strict";

import { silentLogger } from "../../../src/core/logger.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { FIND_EVERY_MS } from "../../../src/runners/worker/lost-pickups.ts";
import { Worker } from "../../../src/runners/worker/worker.ts";
import { limited } from "./cut.ts";
import type { Cut, Trace } from "./message-proxy.ts";
import { count, cutsOf, named, nameOf, type Counts, type Place } from "./pass.ts";

/** What a busy machine may add to a worker's own times. */
const SLACK_MS = 1_500;

/** What was seen of one worker. */
interface WorkerSeen {
  readonly trace: Trace;
  /** From the cut to the handler's start, where the cut came first. */
  readonly startedAfterMs: number | undefined;
}

/** Cuts a worker's life with one job at every message. @throws naming the cut where a promise is broken. */
export async function cutWorkers(place: Place, counts: Counts = new Map()): Promise<Counts> {
  const { messages } = (await workOnce(place)).trace;
  for (const cut of cutsOf(messages)) {
    const { startedAfterMs } = await named(`a worker, ${nameOf(cut, messages)}`, () => workOnce(place, cut));
    count(counts, startedAfterMs === undefined ? "ran before the cut, once" : "ran after the cut, once");
  }
  return counts;
}

async function workOnce({ driver, table }: Place, cut?: Cut): Promise<WorkerSeen> {
  const store = new PgJobStore(driver.executor);
  await table.empty();
  await limited("a session", store.turn({}));
  await table.insert();
  const starts: number[] = [];
  const said: unknown[] = [];
  const ended = Promise.withResolvers<undefined>();
  const worker = new Worker({
    concurrency: 10,
    store,
    env: {},
    handlers: { a: () => void starts.push(performance.now()) },
    loopError: { delayMs: () => 5 },
    idlePoll: { delayMs: () => 600_000 },
    reapIntervalSeconds: 600,
    shutdownTimeoutSeconds: 5,
    logger: { ...silentLogger, warn: (...words) => said.push(words), error: (...words) => said.push(words) },
    onEvent: ({ event }) => {
      if (event === "done") ended.resolve(undefined);
    },
  });
  const trace = driver.proxy.arm(cut);
  worker.start();
  try {
    await limited("the job's end", ended.promise);
  } catch (error) {
    throw new Error(`the worker said ${JSON.stringify(said)}`, { cause: error });
  } finally {
    await worker.stop({ graceMs: 0 });
    driver.proxy.arm();
  }
  assert.deepEqual(await table.summary(), ["a DONE 1"]);
  const [startedAt, ...again] = starts;
  assert.ok(startedAt !== undefined && again.length === 0, `it ran ${starts.length} times`);
  if (cut !== undefined) assert.notEqual(trace.cutAt, undefined, "nothing was cut");
  const afterMs = startedAt - (trace.cutAt ?? Infinity);
  assert.ok(afterMs < FIND_EVERY_MS + SLACK_MS, `it ran only ${Math.round(afterMs)} ms after the cut`);
  return { trace, startedAfterMs: afterMs > 0 ? afterMs : undefined };
}
