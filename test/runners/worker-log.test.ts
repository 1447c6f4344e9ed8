import { afterEach, expect, onTestFinished, test, vi } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { Logger } from "../../src/core/logger.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { RunnerErrorEvent } from "../../src/runners/runner-error.ts";
import { TroubleLog } from "../../src/runners/trouble-log.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import type { WorkerOptions } from "../../src/runners/worker/worker-options.ts";
import { EventLog } from "../support/event-log.ts";
import { testPool } from "../support/pool.ts";
import { freshDatabase } from "../support/postgres.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** What reaches the console, a line each. */
function printed(): string[] {
  const lines: string[] = [];
  for (const level of ["debug", "info", "log", "warn", "error"] as const) {
    vi.spyOn(console, level).mockImplementation((...words: unknown[]) => {
      lines.push(`${level} ${words.join(" ")}`);
    });
  }
  return lines;
}

afterEach(() => vi.restoreAllMocks());

/** No scheme, no host. */
const NO_ADDRESS = "http://";

function workerOn(
  url: string,
  handler: (ctx: { readonly logger: Logger }) => unknown = () => undefined,
  log = new EventLog(),
  options: Partial<WorkerOptions> = {},
) {
  const pool = testPool(url, { max: 4 });
  onTestFinished(() => void pool.end());
  const failures: RunnerErrorEvent[] = [];
  const worker = new Worker({
    store: new PgJobStore(pgExecutor(pool)),
    handlers: { a: handler },
    workerId: "w",
    env: {},
    onEvent: log.onEvent,
    onError: (event) => failures.push(event),
    shutdownTimeoutSeconds: 5,
    ...options,
  });
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  return { worker, log, failures };
}

function urlWith(change: (url: URL) => unknown): string {
  const url = new URL(queue.url);
  const changed = change(url);
  return changed === NO_ADDRESS ? NO_ADDRESS : url.href;
}

test("a worker with which all is well prints one line, whatever it runs", async () => {
  const lines = printed();
  await queue.insert();
  const { worker, log } = workerOn(queue.url);
  worker.start();
  await log.until("done");
  await worker.stop();
  expect(lines).toEqual([
    'info pqrun: worker started id=w types=a slots=1 wakes="by LISTEN, by polling until it is heard"',
  ]);
});

test("a failed attempt prints one line with its error's first line, without secrets", async () => {
  const lines = printed();
  const id = await queue.insert({ max_attempts: "1" });
  const again = await queue.insert();
  const { worker, log } = workerOn(queue.url, () => {
    throw new Error("no way to postgres://me:hunter2@db/x\nand more");
  });
  worker.start();
  await Promise.all([log.until("failed"), log.until("retried")]);
  await worker.stop();
  const warnings = lines.filter((line) => line.startsWith("warn"));
  expect(warnings).toHaveLength(2);
  expect(warnings).toEqual(
    expect.arrayContaining([
      expect.stringMatching(
        new RegExp(
          `^warn pqrun: job failed type=a id=${id} attempts=1 durationMs=.* error="Error: no way to postgres://\\*\\*\\*@db/x"$`,
        ),
      ),
      expect.stringMatching(
        new RegExp(`^warn pqrun: an attempt failed, its job runs again type=a id=${again} attempts=1 .*`),
      ),
    ]),
  );
  expect(lines.join()).not.toContain("hunter2");
  expect(log.of("failed")[0]?.lastError).toMatch(/^Error: no way to postgres:\/\/\*\*\*@db\/x\nand more/);
});

test("a drain prints its failed attempts, too", async () => {
  const lines = printed();
  await queue.insert();
  const pool = testPool(queue.url, { max: 1 });
  onTestFinished(() => void pool.end());
  const handlers = {
    a: () => {
      throw new Error("boom");
    },
  };
  await drainOnce({ store: new PgJobStore(pgExecutor(pool)), handlers, budgetMs: 10_000 });
  expect(lines).toEqual([expect.stringMatching(/^warn pqrun: an attempt failed.* error="Error: boom"$/)]);
});

test("`logger: false` is silence, of a worker and of its store", async () => {
  const lines = printed();
  const pool = testPool(
    urlWith((url) => (url.pathname = "/nowhere")),
    { max: 1 },
  );
  onTestFinished(() => void pool.end());
  const store = new PgJobStore(pgExecutor(pool), { logger: false });
  await expect(new Worker({ store, handlers: { a: () => undefined }, env: {} }).run()).rejects.toThrow();
  expect(lines).toEqual([]);
});

test("what is logged of the database's own errors passes `redact`, as `last_error` does", async () => {
  const lines = printed();
  const url = urlWith((at) => (at.pathname = "/nowhere"));
  const { worker } = workerOn(url, undefined, new EventLog(), {
    redact: (text) => text.replaceAll("nowhere", "[a database]"),
    onEvent: () => {
      throw new Error("nowhere");
    },
    backoff: {
      delayMs: () => {
        throw new Error("nowhere");
      },
    },
  });
  await expect(worker.run()).rejects.toMatchObject({ code: "3D000" });
  expect(lines.filter((line) => line.startsWith("error"))).toEqual([expect.stringContaining("[a database]")]);
  expect(lines.join()).not.toContain("nowhere");
});

test("a handler's own lines are logged as it wrote them", async () => {
  const lines = printed();
  await queue.insert();
  const { worker, log } = workerOn(
    queue.url,
    ({ logger }) => {
      logger.warn("mine", { error: "as it is" });
    },
    new EventLog(),
    { redact: () => "gone" },
  );
  worker.start();
  await log.until("done");
  await worker.stop();
  expect(lines).toContain('warn pqrun: mine error="as it is"');
});

const HOPELESS = {
  "no such database": [(url: URL) => (url.pathname = "/nowhere"), { code: "3D000" }],
  "a wrong password": [(url: URL) => (url.password = "wrong"), { code: "28P01" }],
  "an address that is none": [() => NO_ADDRESS, { code: "ERR_INVALID_URL" }],
} as const;

test.for(Object.entries(HOPELESS))(
  "%s ends `run` with the error of the first turn, logged once",
  async ([, [change, error]]) => {
    const lines = printed();
    const { worker, failures } = workerOn(urlWith(change));
    await expect(worker.start().run()).rejects.toMatchObject(error);
    expect(lines.filter((line) => line.startsWith("error"))).toHaveLength(1);
    expect(failures).toEqual([{ operation: "turn", error: expect.objectContaining(error) as unknown }]);
  },
);

test("an outage is waited for, from the first turn on: `run` ends with a stop alone", async () => {
  printed();
  const { worker, failures } = workerOn("postgres://u:p@127.0.0.1:1/x");
  const running = worker.run();
  await vi.waitFor(() => expect(failures.length).toBeGreaterThan(1), { timeout: 60_000 });
  await worker.stop();
  await running;
});

test("a database without the table ends `run` with TableError", async () => {
  printed();
  await using database = await freshDatabase();
  const { worker } = workerOn(database.url);
  await expect(worker.run()).rejects.toMatchObject({ name: "TableError" });
});

test("nobody waits for `run`: the worker goes on, nothing is unhandled, and it works once the table is there", async () => {
  const lines = printed();
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const { worker, log, failures } = workerOn(queue.url);
  await queue.rows("ALTER TABLE jobs RENAME TO away");
  try {
    void worker.run();
    await vi.waitFor(() => expect(failures.length).toBeGreaterThan(0), { timeout: 20_000 });
  } finally {
    await queue.rows("ALTER TABLE away RENAME TO jobs");
  }
  await queue.insert();
  await log.until("done");
  expect(unhandled).toEqual([]);
  expect(lines.some((line) => line.startsWith("error pqrun: the worker cannot work"))).toBe(true);
  await worker.stop();
});

test("once a worker has worked, it waits for what it would not have started with", async () => {
  printed();
  const { worker, log, failures } = workerOn(queue.url);
  await queue.insert();
  const running = worker.run();
  await log.until("done");
  await queue.rows("ALTER TABLE jobs RENAME TO away");
  try {
    worker.wake();
    await vi.waitFor(() => expect(failures.length).toBeGreaterThan(1), { timeout: 20_000 });
  } finally {
    await queue.rows("ALTER TABLE away RENAME TO jobs");
  }
  await queue.insert();
  await log.until("done", 2);
  await worker.stop();
  await running;
});

test("trouble is logged at once, then after 1, 5, 30, 60 and 300 s, and its end with how long it lasted", () => {
  let now = 0;
  const lines: (readonly [number, string])[] = [];
  const write = (message: string): void => void lines.push([now / 1_000, message]);
  const logger = { debug: write, info: write, warn: write, error: write };
  const trouble = new TroubleLog({ logger, now: () => now });
  trouble.over("well");
  for (; now < 1_000_000; now += 500) trouble.failed("away", new Error("x"));
  trouble.over("well");
  trouble.over("well");
  expect(lines).toEqual([
    ...[0, 1, 6, 36, 96, 396, 696, 996].map((second) => [second, "away"]),
    [1_000, "well"],
  ]);
});
