import { expect, test } from "vitest";

import { SnoozeError } from "../../src/core/errors.ts";
import { instrument } from "../../src/integrations/otel.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { recordingOtel } from "../support/otel.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

test("an enqueue, its run, and what that enqueues are one trace, whatever process runs them", async () => {
  const producer = recordingOtel();
  const { id } = await instrument(producer.api)
    .store(queue.store)
    .enqueue("a", { n: 1 }, { headers: { tenant: "acme" } });
  const [send] = producer.spans;
  expect(send).toMatchObject({
    name: "send a",
    kind: 3,
    parentId: undefined,
    attributes: {
      "messaging.system": "pqrun",
      "messaging.operation.name": "send",
      "messaging.operation.type": "send",
      "messaging.destination.name": "a",
      "messaging.message.id": id,
    },
  });
  expect((await queue.store.get(id))?.headers).toMatchObject({ tenant: "acme" });

  const { api, spans, measured } = recordingOtel();
  const otel = instrument(api, { attributes: ({ headers }) => ({ tenant: headers["tenant"] ?? "" }) });
  await drainOnce({
    store: otel.store(queue.store),
    handlers: otel.handlers({
      a: async ({ store, job, signal, payload }) => {
        expect([job.id, signal.aborted, payload]).toEqual([id, false, { n: 1 }]);
        await store.enqueueMany([
          { type: "b", payload: {} },
          { type: "b", payload: {} },
        ]);
      },
      b: () => undefined,
    }),
    budgetMs: 10_000,
  });
  expect(new Set([...producer.spans, ...spans].map(({ traceId }) => traceId)).size).toBe(1);
  const [sendB, runA] = [
    spans.find(({ name }) => name === "send b"),
    spans.find(({ name }) => name === "process a"),
  ];
  expect(runA).toMatchObject({
    kind: 4,
    parentId: send?.spanId,
    failed: false,
    attributes: { "messaging.operation.type": "process", "messaging.message.id": id, tenant: "acme" },
  });
  expect(sendB).toMatchObject({
    parentId: runA?.spanId,
    attributes: { "messaging.batch.message_count": 2, "messaging.destination.name": "b" },
  });
  expect(spans.filter(({ name }) => name === "process b").map(({ parentId }) => parentId)).toEqual([
    sendB?.spanId,
    sendB?.spanId,
  ]);
  expect(spans).toHaveLength(4);
  const names = measured.map(({ name }) => name).toSorted();
  expect(names).toEqual([
    "messaging.client.consumed.messages",
    "messaging.client.consumed.messages",
    "messaging.client.consumed.messages",
    "messaging.client.operation.duration",
    "messaging.client.sent.messages",
    "messaging.client.sent.messages",
    "messaging.process.duration",
    "messaging.process.duration",
    "messaging.process.duration",
    "pqrun.job.wait",
    "pqrun.job.wait",
    "pqrun.job.wait",
  ]);
});

test("a run that fails is an error of its span by its name, and fails as ever; a snooze is none", async () => {
  const { api, spans, measured } = recordingOtel();
  const otel = instrument(api);
  for (const type of ["broken", "later"]) await queue.store.enqueue(type, {}, { maxAttempts: 1 });
  const report = await drainOnce({
    store: queue.store,
    handlers: otel.handlers({
      broken: () => {
        throw new TypeError("no");
      },
      later: () => {
        throw new SnoozeError(60_000);
      },
    }),
    budgetMs: 10_000,
    logger: false,
  });
  expect(report).toMatchObject({ failed: 1, snoozed: 1 });
  const failed = Object.fromEntries(spans.map((span) => [span.name, span.failed]));
  expect(failed).toEqual({ "process broken": true, "process later": false });
  const durations = measured.filter(({ name }) => name === "messaging.process.duration");
  expect(durations.map(({ attributes }) => attributes["error.type"]).toSorted()).toEqual([
    "TypeError",
    undefined,
  ]);
});

test("what an enqueue refuses is an error of its span, and refused as ever", async () => {
  const { api, spans, measured } = recordingOtel();
  const store = instrument(api).store(queue.store);
  await expect(store.enqueue("", {})).rejects.toMatchObject({ name: "InvalidInputError", field: "type" });
  await expect(store.enqueueMany(null as never)).rejects.toMatchObject({ field: "jobs" });
  expect(spans.map(({ failed }) => failed)).toEqual([true, true]);
  expect(measured.some(({ name }) => name.includes("sent"))).toBe(false);
});

test("an instrumented store enqueues in a transaction, and drives a worker that its enqueues wake", async () => {
  const { api, spans } = recordingOtel();
  const otel = instrument(api);
  const store = otel.store(pooledStore(queue));
  const seen: string[] = [];
  const handlers = otel.handlers({
    a: ({ job }: { job: { headers: Readonly<Record<string, string>> } }) => {
      seen.push(job.headers["traceparent"] ?? "");
    },
  });
  await using worker = new Worker({ store, handlers, logger: false });
  worker.start();
  await store.transaction(async (tx) => {
    await store.with(tx).enqueue("a", {});
  });
  await expect.poll(() => seen.length, { timeout: 60_000 }).toBe(1);
  expect(seen[0]).toContain(spans.find(({ name }) => name === "send a")?.traceId);
});
