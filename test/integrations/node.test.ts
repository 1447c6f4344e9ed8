import { spawn } from "node:child_process";
import { once } from "node:events";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

import { afterEach, expect, test } from "vitest";

import { runUntilSignal, type StartsAndStops } from "../../src/integrations/node.ts";

afterEach(() => {
  process.exitCode = undefined;
});

/** A worker of which a test sees what it is told, and which stops when the test says so. */
function told(): StartsAndStops & { readonly acts: unknown[]; stopped(): void } {
  const acts: unknown[] = [];
  const { promise, resolve } = Promise.withResolvers<undefined>();
  return {
    acts,
    stopped: () => {
      resolve(undefined);
    },
    start: () => acts.push("start"),
    stop: (options) => {
      acts.push(options ?? "stop");
      return promise;
    },
  };
}

// Delivered to the listeners as Node does, and to nothing else: vitest lives in this process too.
const signal = (name: "SIGUSR2"): boolean => process.emit(name, name);
const signals = ["SIGUSR2"] as const;

test("the first signal stops the worker gracefully, and is answered once all has stopped", async () => {
  const worker = told();
  const running = runUntilSignal(worker, { signals });
  expect(worker.acts).toEqual(["start"]);
  signal("SIGUSR2");
  await Promise.resolve();
  expect(process.exitCode).toBeUndefined();
  worker.stopped();
  expect(await running).toBe("SIGUSR2");
  expect(worker.acts).toEqual(["start", "stop"]);
});

test("a second signal aborts at once, and the process will exit with the signal's code", async () => {
  const worker = told();
  const running = runUntilSignal(worker, { signals });
  signal("SIGUSR2");
  await Promise.resolve();
  signal("SIGUSR2");
  expect(worker.acts).toEqual(["start", "stop", { graceMs: 0 }]);
  expect(process.exitCode).toBe(128 + constants.signals.SIGUSR2);
  // A third one would find nobody, and kill.
  expect(process.listenerCount("SIGUSR2")).toBe(0);
  worker.stopped();
  await running;
});

test("nobody listens any more after it has ended", async () => {
  const worker = told();
  worker.stopped();
  const running = runUntilSignal(worker, { signals });
  expect(process.listenerCount("SIGUSR2")).toBe(1);
  signal("SIGUSR2");
  await running;
  expect(process.listenerCount("SIGUSR2")).toBe(0);
});

test("onSignal is called while the worker stops, and waited for; what it throws comes after", async () => {
  const worker = told();
  const failure = new Error("the server did not close");
  const running = runUntilSignal(worker, {
    signals,
    onSignal: (name) => {
      worker.acts.push(name);
      worker.stopped();
      throw failure;
    },
  });
  signal("SIGUSR2");
  await expect(running).rejects.toBe(failure);
  expect(worker.acts).toEqual(["start", "stop", "SIGUSR2"]);
});

test("a worker that can't start leaves no listener behind", async () => {
  const failure = new Error("no");
  const start = (): never => {
    throw failure;
  };
  await expect(runUntilSignal({ ...told(), start }, { signals })).rejects.toBe(failure);
  expect(process.listenerCount("SIGUSR2")).toBe(0);
});

test("a process whose worker is not enabled waits for its signal, and exits with 0", async () => {
  const child = spawn(
    process.execPath,
    ["--import", "./scripts/from-source.ts", "test/support/disabled-worker.ts"],
    { cwd: fileURLToPath(new URL("../../", import.meta.url)), stdio: ["ignore", "pipe", "inherit"] },
  );
  const exited = once(child, "exit");
  await once(child.stdout, "data");
  child.kill("SIGTERM");
  expect(await exited).toEqual([0, null]);
});
