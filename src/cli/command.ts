import type { Environment } from "../runners/worker-environment.ts";
import type { CliOptions } from "./options.ts";

/** Where a command writes. Node's `process.stdout` is one. */
export interface CliOutput {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  /** The terminal's width, where it is one. */
  readonly columns?: number;
}

/** What a command reads. Node's `process.stdin` is one. */
export interface CliInput extends NodeJS.ReadableStream {
  readonly isTTY?: boolean;
}

/** All of the process that a command may touch, so that tests run it without one. */
export interface CliIo {
  readonly stdout: CliOutput;
  readonly stderr: CliOutput;
  /** Absent where there is nothing to read, nor anybody to ask. */
  readonly stdin?: CliInput;
  readonly env: Environment;
  /** Aborts with an {@link Interruption} at Ctrl-C and its like: end gracefully. */
  readonly signal: AbortSignal;
}

/** One command of `pqrun`. */
export interface Command {
  readonly name: string;
  /** What it does, in a line of the overall help. */
  readonly summary: string;
  /** How it is called, a line for each way: the help's head. */
  readonly usage: string;
  /** What it does, in paragraphs; may be empty. */
  readonly about: string;
  /** What parses its options, and makes its help and a shell's completion. */
  readonly options: CliOptions;
  /** The words that its first argument may be, where those are fixed. */
  readonly words?: readonly string[];
  /** @returns the exit code. @throws UsageError for wrong arguments. */
  run(args: readonly string[], io: CliIo): Promise<number>;
}

/** The exit codes beside those of signals. */
export const EXIT = { done: 0, failed: 1, usage: 2, found: 3, noJob: 4 } as const;

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
