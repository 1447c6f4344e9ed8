import { afterEach, expect, test, vi } from "vitest";

import { neonExecutor, type NeonHttp } from "../../src/adapters/neon.ts";
import { withinRequest } from "../../src/adapters/shared/request-timeout.ts";
import type { QueryOptions, SqlExecutor } from "../../src/core/executor.ts";

vi.useFakeTimers();
afterEach(() => {
  vi.clearAllTimers();
});

/** An executor whose connection an earlier request has left behind: it never answers, and heeds its signal. */
function leftBehind(outlivesRequest: boolean): SqlExecutor {
  const query = (
    _text: string,
    _params?: readonly unknown[],
    { signal }: QueryOptions = {},
  ): Promise<never> =>
    new Promise((_, reject) => {
      signal?.addEventListener("abort", () => {
        reject(signal.reason as Error);
      });
    });
  return withinRequest({ query, outlivesRequest });
}

test("where no connection outlives its request, a statement without an answer is aborted after 20 s", async () => {
  const asked = leftBehind(false).query("SELECT 1");
  const refused = expect(asked).rejects.toThrow("no answer within 20000 ms");
  await vi.advanceTimersByTimeAsync(20_000);
  await refused;
});

test("nor does a request over Neon's HTTP last longer, be it of one statement or of a list", async () => {
  const signals: (AbortSignal | undefined)[] = [];
  const silent: NeonHttp<unknown> = {
    transaction: (_list, { fetchOptions }) => {
      signals.push(fetchOptions?.signal);
      return new Promise(() => undefined);
    },
  };
  const executor = neonExecutor(silent);
  const asked = [executor.query("SELECT 1"), executor.batch?.([{ text: "SELECT 1", params: [] }])];
  const refused = asked.map((one) => expect(one).rejects.toThrow("no answer within 20000 ms"));
  await vi.advanceTimersByTimeAsync(20_000);
  await Promise.all(refused);
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
});

test("a limit of the caller's own stands instead, and elsewhere there is none", async () => {
  const answers: unknown[] = [];
  const { signal } = new AbortController();
  void leftBehind(false)
    .query("SELECT 1", [], { signal })
    .catch((error: unknown) => answers.push(error));
  void leftBehind(true)
    .query("SELECT 1")
    .catch((error: unknown) => answers.push(error));
  await vi.advanceTimersByTimeAsync(3_600_000);
  expect(answers).toEqual([]);
  expect(vi.getTimerCount()).toBe(0);
});

test("an answer leaves no timer behind", async () => {
  const executor = withinRequest({ query: () => Promise.resolve([{ a: "1" }]), outlivesRequest: false });
  await expect(executor.query("SELECT 1")).resolves.toEqual([{ a: "1" }]);
  expect(vi.getTimerCount()).toBe(0);
});
