import { expect, expectTypeOf, test } from "vitest";
import { z } from "zod";

import { defineJob } from "../../src/core/contract.ts";
import { RetryAfterError } from "../../src/core/errors.ts";
import type { Handlers } from "../../src/runners/job/handler.ts";
import { runJob } from "../../src/testing/testing.ts";

const jobs = {
  welcome: defineJob({ payload: z.object({ userId: z.number(), at: z.coerce.date() }) }),
  remind: defineJob<{ userId: number }, { sent: boolean }>(),
};
const handlers: Handlers<typeof jobs> = {
  welcome: async ({ payload, store }) => {
    await store.enqueue("remind", { userId: payload.userId }, { delayMs: 1_000 });
    return { year: payload.at.getUTCFullYear() };
  },
  remind: ({ job }) => ({ sent: job.attempts === 3 }),
};

test("a handler runs with its payload and a row, and its result and its enqueues come back", async () => {
  expect(await runJob(handlers.remind, { payload: { userId: 1 }, attempts: 3 })).toEqual({
    result: { sent: true },
    enqueued: [],
  });
  const ran = await runJob(handlers.welcome, { payload: { userId: 42, at: new Date(0) } });
  expect(ran).toEqual({
    result: { year: 1970 },
    enqueued: [{ type: "remind", payload: { userId: 42 }, options: { delayMs: 1_000 } }],
  });
});

test("with its contract, the payload goes through JSON and the schema, and so do enqueues", async () => {
  const at = "2030-01-01T00:00:00Z";
  const ran = await runJob(handlers.welcome, { jobs, type: "welcome", payload: { userId: 1, at } });
  expect(ran.result).toEqual({ year: 2030 });
  const wrong = { userId: "1", at } as unknown as { userId: number; at: string };
  await expect(runJob(handlers.welcome, { jobs, type: "welcome", payload: wrong })).rejects.toMatchObject({
    name: "InvalidInputError",
    field: "payload",
  });
  const enqueues = async ({
    store,
    payload,
  }: {
    payload: object;
    store: { enqueue(...args: unknown[]): Promise<unknown> };
  }): Promise<void> => {
    await store.enqueue("nobody", payload);
  };
  await expect(runJob(enqueues, { jobs, type: "remind", payload: { userId: 1 } })).rejects.toMatchObject({
    field: "type",
  });
});

test("the types are the handler's", () => {
  expectTypeOf(runJob(handlers.remind, { payload: { userId: 1 } })).resolves.toHaveProperty("result");
  // @ts-expect-error -- not the handler's payload
  void runJob(handlers.remind, { payload: { user: 1 } }).catch(() => undefined);
});

test("what a handler throws comes as it was thrown", async () => {
  const later = new RetryAfterError(1_000);
  const throws = (): never => {
    throw later;
  };
  await expect(runJob(throws, { payload: {} })).rejects.toBe(later);
});

test("a handler that does not end in time is given up on, and its signal says why", async () => {
  let reason: unknown;
  const hangs = ({ signal }: { payload: unknown; signal: AbortSignal }): Promise<void> =>
    new Promise(() => {
      signal.addEventListener("abort", () => {
        reason = signal.reason;
      });
    });
  await expect(runJob(hangs, { payload: {}, timeoutSeconds: 0.05 })).rejects.toThrow(
    "timed out after 0.05 s",
  );
  expect(reason).toMatchObject({ reason: "timeout" });
});

test("a shutdown reaches the handler", async () => {
  const stop = new AbortController();
  const waits = ({ signal }: { payload: unknown; signal: AbortSignal }): Promise<void> =>
    new Promise((_, reject) => {
      signal.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
      stop.abort();
    });
  await expect(runJob(waits, { payload: {}, signal: stop.signal })).rejects.toMatchObject({
    reason: "shutdown",
  });
});

test("what a handler settles itself is its result, and no statement leaves", async () => {
  const settles: Handlers<typeof jobs>["remind"] = async ({ settleIn, store }) => {
    await settleIn(undefined as never, { sent: true });
    await store.with(undefined as never).enqueue("remind", { userId: 1 });
    return { sent: false };
  };
  expect(await runJob(settles, { payload: { userId: 1 } })).toMatchObject({
    result: { sent: true },
    enqueued: [{ type: "remind" }],
  });
});

test("what needs a database says so", async () => {
  const reads: Handlers<typeof jobs>["remind"] = async ({ store }) => ({
    sent: (await store.get("1")) !== null,
  });
  await expect(runJob(reads, { payload: { userId: 1 } })).rejects.toThrow("runJob has no database");
});

test("a result that can't be stored fails the test, as does a payload that is none", async () => {
  await expect(runJob(() => 1n, { payload: {} })).rejects.toThrow("the result was not stored");
});
