import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { equal } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

/** As Node's, whose types are not here. */
interface AsyncLocalStorage {
  getStore(): unknown;
  run<T>(store: string, work: () => T): T;
  enterWith?(store: string): void;
}

interface Runtime {
  readonly AsyncLocalStorage?: new () => AsyncLocalStorage;
  readonly process?: {
    getBuiltinModule?(name: string): { readonly AsyncLocalStorage: new () => AsyncLocalStorage } | undefined;
  };
}

/** What is promised of async contexts, where the runtime has them. */
export function contextPromises<Tx>(promise: Promises<Tx>): void {
  const { AsyncLocalStorage: global, process } = globalThis as unknown as Runtime;
  const Storage = global ?? process?.getBuiltinModule?.("node:async_hooks")?.AsyncLocalStorage;
  if (Storage === undefined) return;

  promise("a handler starts in the async context of its drain's caller", [], async (bench) => {
    const { store } = queueOf(bench);
    await store.enqueueMany([1, 2, 3, 4, 5, 6].map((n) => ({ type: "a", payload: { n } })));
    const storage = new Storage();
    const startedIn = new Set<unknown>();
    const handlers = {
      a: async ({ payload }: { readonly payload: Readonly<Record<string, unknown>> }): Promise<void> => {
        startedIn.add(storage.getStore());
        enter(storage, String(payload["n"]));
        await Promise.resolve();
      },
    };
    const report = await storage.run("caller", () =>
      drainOnce({ store, handlers, concurrency: 2, budgetMs: 25_000 }),
    );
    equal([report.done, [...startedIn]], [6, ["caller"]]);
  });
}

/** Enters another context, where the runtime can: workerd has only `run`. */
function enter(storage: AsyncLocalStorage, store: string): void {
  try {
    storage.enterWith?.(store);
  } catch {
    // There is no way to leak, then.
  }
}
