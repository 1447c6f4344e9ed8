import { spawn } from "node:child_process";
import { once } from "node:events";
import { resolve } from "node:path";

import { expect } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";

/** A command in an example's folder, in the project where the built package is installed. */
export interface ExampleProcess extends AsyncDisposable {
  /** What it has printed. */
  readonly output: () => string;
  /** Its exit code, or the name of the signal that ended it, when all that it started has ended. */
  readonly ended: Promise<number | NodeJS.Signals | null>;
  /** SIGTERM, and how it ended. */
  terminate(): Promise<number | NodeJS.Signals | null>;
}

/** Long enough for a slow machine's start; whoever waits sees what was printed when it is over. */
const WAIT = { timeout: 45_000, interval: 100 };

/** Starts what a user types there, or in another folder. Whoever disposes of it kills what did not end by itself. */
export function startExample(
  example: string,
  [program, ...args]: readonly [string, ...string[]],
  env: NodeJS.ProcessEnv,
): ExampleProcess {
  let output = "";
  const child = spawn(program, args, {
    cwd: resolve(PROJECT, "examples", example),
    env: { ...process.env, NO_COLOR: "1", ...env },
    stdio: ["ignore", "pipe", "pipe"],
    // A group of its own, so that what it started can be killed with it.
    detached: true,
  });
  for (const stream of [child.stdout, child.stderr]) {
    stream.on("data", (text: Buffer) => {
      output += text.toString();
    });
  }
  let isOver = false;
  const ended = once(child, "close").then(([code, signal]) => {
    isOver = true;
    return (code ?? signal) as number | NodeJS.Signals | null;
  });
  return {
    output: () => output,
    ended,
    terminate: () => {
      child.kill("SIGTERM");
      return ended;
    },
    async [Symbol.asyncDispose]() {
      if (!isOver && child.pid !== undefined) process.kill(-child.pid, "SIGKILL");
      await ended;
    },
  };
}

/** Runs a command to its end, which is to be a good one, and gives what it printed. */
export async function runExample(...start: Parameters<typeof startExample>): Promise<string> {
  await using example = startExample(...start);
  expect(await example.ended, example.output()).toBe(0);
  return example.output();
}

/** Waits until the example has printed it. */
export async function said(example: ExampleProcess, text: string): Promise<void> {
  await expect.poll(example.output, WAIT).toContain(text);
}

/** Waits until the example answers that the job is DONE, and gives the answer. */
export async function doneOver(origin: string, id: string): Promise<unknown> {
  const body = async (): Promise<unknown> => (await fetch(`${origin}/jobs/${id}`)).json();
  await expect.poll(body, WAIT).toMatchObject({ status: "DONE" });
  return await body();
}
