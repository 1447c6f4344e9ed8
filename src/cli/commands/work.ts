import { Worker } from "../../runners/worker/worker.ts";
import type { JobEvent } from "../../runners/job/job-event.ts";
import { readArguments } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { HANDLERS_NOTE } from "../handlers-file.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withRunner } from "../runner-store.ts";
import { jsonLine } from "../terminal/printable.ts";

const OPTIONS = {
  concurrency: { type: "string", value: "N", help: "how many handlers run at once, 1 to 1000 (default: 1)" },
  ...QUEUE_OPTIONS,
  json: { type: "boolean", help: "print what happens to each job as a line of JSON" },
} as const satisfies CliOptions;

/** `pqrun work`: a worker of a file's handlers. */
export const workCommand: Command = {
  name: "work",
  summary: "run a worker with a file's handlers",
  usage: "pqrun work FILE [options]",
  about: `Runs jobs until Ctrl-C or SIGTERM, then lets handlers finish; a second signal ends it at
once. The WORKER_* variables hold, and come before --concurrency.

${HANDLERS_NOTE}`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new UsageError("work wants one file of handlers");
    await withRunner(io, file, values, async (options) => {
      const onEvent = (event: JobEvent): void => void io.stdout.write(jsonLine(eventJson(event)));
      await new Worker({ ...options, ...(values.json === true ? { onEvent } : {}) }).run(io.signal);
    });
    return EXIT.done;
  },
};

/** Without what the handler threw, in which there may be secrets. */
function eventJson({ event, id, type, attempts, durationMs, lastError }: JobEvent): object {
  return { event, id, type, attempts, durationMs, lastError: lastError ?? null };
}
