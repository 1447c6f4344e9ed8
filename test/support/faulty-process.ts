import { spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { onTestFinished } from "vitest";

/** What a handler of such a process does. */
export type Behaviour =
  | "ends"
  | "hangs"
  /** For the jobs whose `n` is beyond 200; the others end at once. */
  | "hangs late"
  | "heeds its signal"
  | "kills its process"
  /** By a SIGTERM, upon which it throws. */
  | "ends its process"
  | "blocks for 3 s"
  | "fails"
  | "retries in a minute"
  | "snoozes for a minute";

/** A worker, or a drain where there is a budget. */
export interface FaultyOptions {
  readonly url: string;
  readonly handlers: Readonly<Record<string, Behaviour>>;
  readonly workerId?: string;
  readonly leaseMs?: number;
  readonly concurrency?: number;
  readonly batchSize?: number;
  readonly maxBuffer?: number;
  readonly shutdownGraceSeconds?: number;
  readonly budgetMs?: number;
  /** Types of which it enqueues a job each before it begins. */
  readonly enqueue?: readonly string[];
  /** Where it stands still: it has picked up but not started; its handlers have ended and nothing is settled. */
  readonly holdAt?: "picked up" | "handled";
}

/** Such a process, and what it says. */
export interface FaultyProcess {
  readonly pid: number;
  /** Its lines so far. */
  readonly said: readonly string[];
  /** The first line that begins so, of now or later. Rejects where the process ends without it. */
  until(beginning: string): Promise<string>;
  /** Sends a signal. */
  kill(signal: NodeJS.Signals): void;
  /** Resolves once it has ended and all that it said has been read. */
  readonly ended: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

const SCRIPT = fileURLToPath(new URL("faulty-worker.ts", import.meta.url));

/** Starts one; it is killed, if it is still there, when the test has finished. */
export function faultyProcess(options: FaultyOptions, nodeOptions: readonly string[] = []): FaultyProcess {
  const child = spawn(process.execPath, [...nodeOptions, SCRIPT], {
    env: { ...process.env, FAULTY_OPTIONS: JSON.stringify(options) },
    stdio: ["ignore", "pipe", "inherit"],
  });
  onTestFinished(() => void child.kill("SIGKILL"));
  const said: string[] = [];
  const watchers = new Set<() => void>();
  let over = false;
  const tell = (): void => {
    for (const watcher of watchers) watcher();
    watchers.clear();
  };
  createInterface({ input: child.stdout }).on("line", (line) => {
    said.push(line);
    tell();
  });
  const ended = once(child, "close").then(([code, signal]) => {
    over = true;
    tell();
    return { code: code as number | null, signal: signal as NodeJS.Signals | null };
  });
  return {
    pid: child.pid ?? 0,
    said,
    until: async (beginning) => {
      for (;;) {
        const line = said.find((one) => one.startsWith(beginning));
        if (line !== undefined) return line;
        if (over) throw new Error(`it ended without "${beginning}": ${said.slice(-5).join(" | ")}`);
        await new Promise<void>((resolve) => watchers.add(resolve));
      }
    },
    kill: (signal) => void child.kill(signal),
    ended,
  };
}
