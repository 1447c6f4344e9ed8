import type { Environment } from "../runners/worker-environment.ts";

/** Where a command writes. Node's `process.stdout` is one. */
export interface CliOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** All of the process that a command may touch, so that tests run it without one. */
export interface CliIo {
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  readonly env: Environment;
  /** Aborts with an {@link Interruption} at Ctrl-C and its like: end gracefully. */
  readonly signal: AbortSignal;
}

/** One command of `pqrun`. */
export interface Command {
  readonly name: string;
  /** What it does, in a line of the overall help. */
  readonly summary: string;
  /** What `--help` prints. */
  readonly help: string;
  /** @returns the exit code. @throws UsageError for wrong arguments. */
  run(args: readonly string[], io: CliIo): Promise<number>;
}

/** The exit codes beside those of signals. */
export const EXIT = { done: 0, failed: 1, usage: 2 } as const;

/** The command line or the environment asks for something that can't be. Nothing was done. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** Why {@link CliIo.signal} aborts. */
export class Interruption extends Error {
  override readonly name = "Interruption";
  /** 128 and the signal's number, as shells have it. */
  readonly exitCode: number;

  constructor(signal: string, exitCode: number) {
    super(`interrupted by ${signal}`);
    this.exitCode = exitCode;
  }
}
