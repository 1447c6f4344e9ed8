import { setTimeout as wait } from "node:timers/promises";

import { expect, onTestFinished, test } from "vitest";

import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

interface Context {
  readonly signal: AbortSignal;
  readonly payload: unknown;
}

const AROUND: Readonly<Record<string, (ctx: Context) => Context>> = {
  "a Proxy of it": (ctx) => new Proxy(ctx, {}),
  "an object made of it": (ctx) => Object.create(ctx) as Context,
  "a copy of it": (ctx) => ({ ...ctx }),
};

test.for(Object.entries(AROUND))(
  "a handler's context works behind %s: payload and signal",
  async ([, around]) => {
    await store.enqueue("a", { n: 1 }, { timeoutSeconds: 1 });
    const seen: unknown[] = [];
    const handlers = {
      a: async (ctx: Context) => {
        const own = around(ctx);
        seen.push(own.payload, own.signal === ctx.signal);
        await new Promise((resolve) => {
          own.signal.addEventListener("abort", resolve);
        });
        seen.push(own.signal.aborted);
      },
    };
    await drainOnce({ store, handlers, budgetMs: 10_000 });
    expect(seen).toEqual([{ n: 1 }, true, true]);
  },
);

test("a handler knows which worker runs it, and what it destructures stays", async () => {
  await store.enqueue("a", {});
  const seen: unknown[] = [];
  const handlers = { a: ({ workerId }: { readonly workerId: string }) => void seen.push(workerId) };
  await drainOnce({ store, handlers, budgetMs: 10_000, workerId: "eu:1" });
  expect(seen).toEqual(["eu:1"]);
});

test("a handler may give its signal to twenty things at once, and Node warns of no leak", async () => {
  const warnings: string[] = [];
  const note = ({ name }: Error): void => void warnings.push(name);
  process.on("warning", note);
  onTestFinished(() => void process.off("warning", note));
  await store.enqueueMany([1, 2, 3].map((n) => ({ type: "a", payload: { n } })));
  const handlers = {
    a: ({ signal }: Context) => Promise.all(Array.from({ length: 20 }, () => wait(1, null, { signal }))),
  };
  expect(await drainOnce({ store, handlers, budgetMs: 10_000 })).toMatchObject({ done: 3 });
  // A warning is told in a later turn of the event loop.
  await wait(10);
  expect(warnings).toEqual([]);
});
