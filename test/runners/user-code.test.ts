import { expect, test, vi } from "vitest";

import { drainOnce } from "../../src/runners/drain-once.ts";
import { jobRow } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, connectionLost } from "../support/wire.ts";

const queue = await testQueue();

const throws = (): never => {
  throw new Error("the user's own mistake");
};
const throwingPolicy = { delayMs: throws };
const fails = (): never => {
  throw new Error("failed attempt");
};

/** Collects what is logged, level and message. */
function collector(): {
  readonly lines: string[];
  readonly logger: Record<"debug" | "info" | "warn" | "error", (message: string) => void>;
} {
  const lines: string[] = [];
  const at = (level: string) => (message: string) => void lines.push(`${level}: ${message}`);
  return { lines, logger: { debug: at("debug"), info: at("info"), warn: at("warn"), error: at("error") } };
}

test.each([
  ["throws", throwingPolicy, "error: backoff threw"],
  ["answers NaN", { delayMs: () => NaN }, "error: backoff answered no delay"],
  ["answers Infinity", { delayMs: () => Infinity }, "error: backoff answered no delay"],
  ["answers -1", { delayMs: () => -1 }, "error: backoff answered no delay"],
])("a backoff that %s is logged, and the job is retried as by default", async (_, backoff, line) => {
  const id = await queue.insert();
  const { lines, logger } = collector();
  const report = await drainOnce({
    store: queue.store,
    handlers: { a: fails },
    budgetMs: 5_000,
    backoff,
    logger,
  });
  expect(report).toMatchObject({ retried: 1, unsettled: 0 });
  expect(lines).toContain(line);
  expect(await jobRow(queue, id)).toMatchObject({ status: "READY", attempts: 1 });
  const [due] = await queue.rows(
    "SELECT run_after BETWEEN now() + interval '50 s' AND now() + interval '70 s' AS as_default FROM jobs WHERE id = $1",
    [id],
  );
  expect(due).toEqual({ as_default: true });
});

test("an idlePoll that throws is logged, and fails no turn", async () => {
  const { lines, logger } = collector();
  await using worker = startWorker(queue, {
    idlePoll: throwingPolicy,
    logger,
    // A LISTEN that hears nothing: only then a worker polls.
    between: (executor) => ({ ...executor, listen: () => Promise.resolve(() => Promise.resolve()) }),
  });
  await queue.insert();
  worker.worker.wake();
  await worker.log.until("done");
  await queue.insert();
  worker.worker.wake();
  await worker.log.until("done", 2);
  await vi.waitFor(
    () => {
      expect(lines).toContain("error: idlePoll threw");
    },
    { timeout: 100_000 },
  );
  expect(lines).not.toContain("warn: a turn failed");
});

test("a loopError that throws ends no worker", async () => {
  const wire = new Wire();
  wire.step = (statement, send) => {
    if (statement.kind !== "turn") return send();
    wire.step = (_statement, sendOn) => sendOn();
    return Promise.reject(connectionLost());
  };
  await queue.insert();
  await using worker = startWorker(queue, { wire, loopError: throwingPolicy });
  await worker.log.until("done");
});

test("a logger that throws costs no job its outcome", async () => {
  const id = await queue.insert();
  const logger = { debug: throws, info: throws, warn: throws, error: throws };
  await using worker = startWorker(queue, { logger, env: { WORKER_CONCURRENCY: "nonsense" } });
  await worker.log.until("done");
  expect(await jobRow(queue, id)).toMatchObject({ status: "DONE" });
});
