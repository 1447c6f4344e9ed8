import { createInterface } from "node:readline";

import { UsageError, type CliIo } from "../command.ts";

/**
 * Whether to go on: `yes` was given, or somebody at a terminal says so. Nobody is asked elsewhere, where a script would
 * wait for ever.
 *
 * @throws UsageError where there is nobody to ask.
 */
export async function confirmed(io: CliIo, question: string, yes: boolean | undefined): Promise<boolean> {
  if (yes === true) return true;
  if (io.stdin?.isTTY !== true || io.stderr.isTTY !== true) {
    throw new UsageError(
      `${question} There is no terminal to ask on: add --yes, or look first with --dry-run`,
    );
  }
  io.stderr.write(`${question} [y/N] `);
  const agreed = /^\s*y(?:es)?\s*$/i.test(await lineOf(io.stdin, io.signal));
  if (!agreed) io.stderr.write("nothing was done\n");
  return agreed;
}

/** The next line; empty at the input's end. It prints nothing: the terminal shows what is typed. */
async function lineOf(input: NodeJS.ReadableStream, signal: AbortSignal): Promise<string> {
  const lines = createInterface({ input, signal });
  try {
    for await (const line of lines) return line;
  } finally {
    lines.close();
  }
  signal.throwIfAborted();
  return "";
}
