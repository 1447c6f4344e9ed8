import { constants } from "node:os";

import { runCli } from "./cli.ts";
import { Interruption } from "./command.ts";

const controller = new AbortController();

for (const signal of ["SIGINT", "SIGTERM"] as const) {
  const exitCode = 128 + constants.signals[signal];
  process.on(signal, () => {
    // The first one asks; the second no longer waits for the answer.
    if (controller.signal.aborted) process.exit(exitCode);
    controller.abort(new Interruption(signal, exitCode));
  });
}

for (const output of [process.stdout, process.stderr]) {
  output.on("error", (error: NodeJS.ErrnoException) => {
    // The reader has had enough: `pqrun sql | head -1`.
    if (error.code !== "EPIPE") throw error;
    controller.abort(new Interruption("a closed pipe", 0));
  });
}

process.exitCode = await runCli(process.argv.slice(2), {
  stdout: process.stdout,
  stderr: process.stderr,
  stdin: process.stdin,
  env: process.env,
  signal: controller.signal,
});
