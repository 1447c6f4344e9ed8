import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import { backoffPolicy, loopErrorPolicy } from "../../src/core/delay-policies.ts";
import { executor } from "../../src/core/make-executor.ts";
import { JobProducer } from "../../src/core/producer.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { runUntilSignal } from "../../src/integrations/node.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { renderMigrations } from "../../src/migrate/migrations.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const handlers = { a: () => undefined };
const fine = (): Promise<[]> => Promise.resolve([]);
const pool = { totalCount: 0, connect: fine, on: fine, listenerCount: () => 1, options: {} } as never;

/** What TypeScript would refuse, and plain JavaScript doesn't: the call, and the field that it is refused by. */
const CALLS: Readonly<Record<string, readonly [() => unknown, string]>> = {
  "a store, an option that is none": [
    () => new PgJobStore(executor({ query: () => Promise.resolve([]) }), { tabel: "mine" } as never),
    "tabel",
  ],
  "pgExecutor, an option that is none": [() => pgExecutor(pool, { prepared: true } as never), "prepared"],
  "postgresExecutor, an option that is none": [
    () => postgresExecutor({ unsafe: fine, begin: fine, options: {} } as never, { prepared: true } as never),
    "prepared",
  ],
  "migrate, an option that is none": [
    () => migrate(executor({ query: fine }), { tabel: "mine" } as never),
    "tabel",
  ],
  "migrate, a control that is none": [
    () => migrate(executor({ query: fine }), {}, { logger: fine } as never),
    "logger",
  ],
  "renderMigrations, an option that is none": [
    () => renderMigrations({ concurrent: true } as never),
    "concurrent",
  ],
  "backoffPolicy, an option that is none": [() => backoffPolicy({ delays: [1] } as never), "delays"],
  "loopErrorPolicy, an option that is none": [() => loopErrorPolicy({ min: 1 } as never), "min"],
  "runUntilSignal, an option that is none": [
    () => runUntilSignal({ start: fine, stop: () => Promise.resolve() }, { onStop: fine } as never),
    "onStop",
  ],
  "a producer, an option that is none": [
    () => new JobProducer(executor({ query: fine }), { tabel: "mine" } as never),
    "tabel",
  ],
  "enqueue, an option that is none": [() => store.enqueue("a", {}, { delay: 5 } as never), "delay"],
  "enqueue, no options": [() => store.enqueue("a", {}, null as never), "options"],
  "enqueueMany, an option that is none": [
    () => store.enqueueMany([{ type: "a", payload: {} }, { type: "a", payload: {}, delay: 5 } as never]),
    "jobs[1].delay",
  ],
  "enqueue, a time and a delay": [
    () => store.enqueue("a", {}, { runAfter: new Date(), delayMs: 5 }),
    "delayMs",
  ],
  "enqueueMany, a signal of one job": [
    () => store.enqueueMany([{ type: "a", payload: {}, signal: AbortSignal.timeout(5) } as never]),
    "jobs[0].signal",
  ],
  "enqueueMany, an option of the call that is none": [
    () => store.enqueueMany([{ type: "a", payload: {} }], { delayMs: 5 } as never),
    "delayMs",
  ],
  "get, an option that is none": [() => store.get("1", { type: "a" } as never), "type"],
  "get with a type, an option that is none": [() => store.get("a", "1", { own: true } as never), "own"],
  "get with a type, an id that is none": [() => store.get("a", 5 as never), "id"],
  "cancel, an option that is none": [() => store.cancel("1", { force: true } as never), "force"],
  "enqueueStatement, an option that is none": [
    () => store.enqueueStatement("a", {}, { dedupekey: "k" } as never),
    "dedupekey",
  ],
  "list, an option that is none": [() => store.list({ status: "DONE" } as never), "status"],
  "prune, no options": [() => store.prune(undefined as never), "options"],
  "prune, an option that is none": [() => store.prune({ olderThanDays: 1 } as never), "olderThanDays"],
  "pickup, no options": [() => store.pickup(undefined as never), "options"],
  "pickup, no types": [() => store.pickup({ types: [] }), "types"],
  "pickup, a type": [() => store.pickup({ types: "a" as never }), "types"],
  "pickup, a lease of NaN": [() => store.pickup({ types: ["a"], leaseMs: Number.NaN }), "leaseMs"],
  "pickup, a lease of nothing": [() => store.pickup({ types: ["a"], leaseMs: 0 }), "leaseMs"],
  "pickup, a lease without end": [() => store.pickup({ types: ["a"], leaseMs: Infinity }), "leaseMs"],
  "pickup, an option that is none": [() => store.pickup({ types: ["a"], max: 5 } as never), "max"],
  "reapStale, a negative time": [() => store.reapStale(-1), "defaultTimeoutSeconds"],
  "reapStale, a time of NaN": [() => store.reapStale(Number.NaN), "defaultTimeoutSeconds"],
  "reapStale, none": [() => store.reapStale(1, 0), "limit"],
  "a drain without handlers": [() => drainOnce({ store, budgetMs: 1_000 } as never), "handlers"],
  "a drain with no handler": [() => drainOnce({ store, handlers: {}, budgetMs: 1_000 }), "handlers"],
  "a drain, a type without a handler": [
    () => drainOnce({ store, handlers, types: ["b"] as never, budgetMs: 1_000 }),
    "types",
  ],
  "a drain, no type": [() => drainOnce({ store, handlers, types: [], budgetMs: 1_000 }), "types"],
  "a worker, types that are no list": [() => new Worker({ store, handlers, types: "a" as never }), "types"],
  "a drain, an option that is none": [
    () => drainOnce({ store, handlers, budgetMs: 1_000, budget: 5 } as never),
    "budget",
  ],
  "a drain without a store": [() => drainOnce({ handlers, budgetMs: 1_000 } as never), "store"],
  "a worker without handlers": [() => new Worker({ store } as never), "handlers"],
  "a worker with no handler": [() => new Worker({ store, handlers: {} }), "handlers"],
  "a worker, an option that is none": [() => new Worker({ store, handlers, slots: 5 } as never), "slots"],
  "a worker without a store": [() => new Worker({ handlers } as never), "store"],
  "a worker over a pool": [
    () => new Worker({ store: { query: () => undefined } as never, handlers }),
    "store",
  ],
};

test.for(Object.entries(CALLS))("%s: refused by name, and nothing is sent", async ([, [call, field]]) => {
  const refused: unknown = await Promise.resolve()
    .then(call)
    .catch((error: unknown) => error);
  expect(refused).toMatchObject({ name: "InvalidInputError", field });
  expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
});

test("one object may hold the options of a worker and of a drain", async () => {
  const both = { store, handlers, leaseMs: 30_000, budgetMs: 1_000, maxBuffer: 10 };
  expect(await drainOnce(both)).toMatchObject({ stoppedBy: "empty" });
  await new Worker(both).stop();
});

test("no refusal repeats a text that it was given, wherever that stood", async () => {
  const secret = "hunter2";
  const calls: readonly (() => unknown)[] = [
    () => store.enqueue("login", { password: `${secret}\u0000` }),
    () => store.enqueue("login", { password: BigInt(41_111_111_111_111) }),
    () => store.enqueue(`${secret}\u0000`, {}),
    () => store.enqueue("a", {}, { dedupeKey: `${secret}\u0000` }),
    () => store.enqueue("a", {}, { priority: secret as never }),
    () => store.enqueue("a", {}, { priority: 4_111_111_111_111_111 }),
    () => store.get(secret),
    () => store.list({ statuses: [secret as never] }),
    () => new Worker({ store, handlers: { a: secret as never } }),
    () => drainOnce({ store, handlers, budgetMs: secret as never }),
  ];
  for (const call of calls) {
    const error: unknown = await Promise.resolve()
      .then(call)
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ name: "InvalidInputError" });
    expect(`${String(error)} ${JSON.stringify(error)}`).not.toMatch(/hunter2|4_?1_?1_?1/);
  }
});

test("nor does last_error repeat what a result held that can't be stored", async () => {
  const { id } = await store.enqueue("a", {});
  await drainOnce({ store, handlers: { a: () => ({ apiKey: "sk_live_123\u0000" }) }, budgetMs: 10_000 });
  const { lastError } = (await store.get(id)) ?? {};
  expect(lastError).toContain("result.apiKey");
  expect(lastError).not.toContain("sk_live");
});
