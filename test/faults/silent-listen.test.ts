import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { WorkerOptions } from "../../src/runners/worker/worker-options.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { saying } from "../support/fake-listen.ts";
import { takes } from "../support/handlers.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";
import { openTcpProxy, type Tap, type TcpProxy } from "../support/tcp-proxy.ts";
import { untilIdle, Wire } from "../support/wire.ts";

const queue = await testQueue();
const SOON = { timeout: 20_000 };

/** A network between a worker and its server, in which the connections that LISTEN can go silent, and no others. */
class Network {
  /** How many connections have sent LISTEN. */
  listening = 0;
  readonly #mute = new Set<() => void>();

  readonly tap = (): Tap => {
    let [listens, mute] = [false, false];
    return (direction, bytes) => {
      if (direction === "toServer" && !listens && /\bLISTEN /i.test(bytes.toString("latin1"))) {
        listens = true;
        this.listening += 1;
        this.#mute.add(() => (mute = true));
      }
      return { bytes: mute ? Buffer.alloc(0) : bytes };
    };
  };

  /** Nothing passes any more, and nobody is told. */
  silence(): void {
    for (const mute of this.#mute) mute();
    this.#mute.clear();
  }
}

const DRIVERS: Readonly<Record<string, (url: string) => SqlExecutor>> = {
  pg: (url) => {
    const pool = testPool(url, { max: 4 });
    onTestFinished(() => void pool.end());
    return pgExecutor(pool);
  },
  "postgres.js": (url) => {
    const sql = postgres(url, { max: 2, fetch_types: false });
    onTestFinished(() => sql.end({ timeout: 0 }));
    return postgresExecutor(sql);
  },
};

async function proxied(network: Network): Promise<{ readonly proxy: TcpProxy; readonly url: string }> {
  const { hostname, port } = new URL(queue.url);
  const proxy = await openTcpProxy({ host: hostname, port: Number(port) }, { tap: network.tap });
  onTestFinished(() => proxy.close());
  const url = new URL(queue.url);
  [url.hostname, url.port] = ["127.0.0.1", String(proxy.port)];
  return { proxy, url: url.href };
}

function start(executor: SqlExecutor, options: Partial<WorkerOptions> = {}): Worker {
  const worker = new Worker({
    concurrency: 10,
    store: new PgJobStore(executor),
    env: {},
    handlers: { a: () => undefined },
    idlePoll: { delayMs: () => 600_000 },
    reapIntervalSeconds: 600,
    ...options,
  }).start();
  onTestFinished(() => worker.stop({ graceMs: 0 }));
  return worker;
}

const waiting = (): Promise<unknown[]> => queue.rows("SELECT FROM jobs_waiting WHERE until > now()");

for (const [name, open] of Object.entries(DRIVERS)) {
  test(`${name}: a LISTEN whose connection has gone silent is noticed, said, and opened anew, and wakes again`, async () => {
    const network = new Network();
    const { url } = await proxied(network);
    const { said, logger } = saying();
    const worker = start(open(url), { safetyPollSeconds: 1, logger });
    await expect.poll(waiting, SOON).toHaveLength(1);
    expect(said).toEqual([]);
    network.silence();
    await expect.poll(() => said, SOON).toContain("LISTEN hears again");
    expect(said).toEqual([expect.stringMatching(/^LISTEN is deaf/), "LISTEN hears again"]);
    expect(network.listening).toBe(2);
    await queue.insert();
    await expect.poll(() => worker.counts.done, SOON).toBe(1);
  });
}

/** Ends the sessions that LISTEN, as a server does that goes to sleep, or is restarted. */
const endListening = (): Promise<unknown> =>
  queue.rows(
    "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = current_database() AND query LIKE 'LISTEN %'",
  );

test("safetyPollSeconds: Infinity: a database that has gone to sleep is not woken, and the next thing to do has it LISTEN again", async () => {
  const network = new Network();
  const { proxy, url } = await proxied(network);
  const wire = new Wire();
  const pool = testPool(url, { max: 4, idleTimeoutMillis: 100 });
  onTestFinished(() => void pool.end());
  const executor = wire.between(pgExecutor(pool));
  const worker = start(executor, { safetyPollSeconds: Infinity });
  await untilIdle(wire);
  await expect.poll(() => proxy.size, SOON).toBe(1);
  for (let sleeps = 1; sleeps <= 2; sleeps += 1) {
    await endListening();
    await expect.poll(() => proxy.size, SOON).toBe(0);
    const sent = wire.sent.length;
    // What is not sent can't be waited for.
    await takes(2_500)({ signal: new AbortController().signal });
    expect([wire.sent.length - sent, proxy.size, network.listening]).toEqual([0, 0, sleeps]);

    wire.sent.length = 0;
    worker.wake();
    await expect.poll(() => network.listening, SOON).toBe(sleeps + 1);
    await expect.poll(() => proxy.size, SOON).toBe(1);
    await queue.insert();
    await expect.poll(() => worker.counts.done, SOON).toBe(sleeps);
    // It looks until all transactions of the server that were open have ended, other tests' too, and once at all lanes.
    await untilIdle(wire);
    for (let sent = -1; sent !== wire.sent.length;) {
      sent = wire.sent.length;
      await takes(1_500)({ signal: new AbortController().signal });
    }
    await expect.poll(() => proxy.size, SOON).toBe(1);
  }
});

test("with a safety poll a session that the server has ended is opened again at once, and wakes", async () => {
  const network = new Network();
  const { url } = await proxied(network);
  const worker = start(pgExecutor(testPool(url, { max: 4 })), { safetyPollSeconds: 600 });
  await expect.poll(waiting, SOON).toHaveLength(1);
  await endListening();
  await expect.poll(() => network.listening, SOON).toBe(2);
  await queue.insert();
  await expect.poll(() => worker.counts.done, SOON).toBe(1);
});

test("a worker whose guard somebody has truncated away raises it again at once", async () => {
  const worker = start(DRIVERS["pg"]?.(queue.url) ?? pgExecutor(testPool(queue.url)), {
    safetyPollSeconds: 600,
  });
  for (let times = 1; times <= 3; times += 1) {
    await expect.poll(waiting, SOON).toHaveLength(1);
    await queue.rows("TRUNCATE jobs, jobs_waiting");
    await expect.poll(waiting, SOON).toHaveLength(1);
    await queue.insert();
    await expect.poll(() => worker.counts.done, SOON).toBe(times);
  }
});
