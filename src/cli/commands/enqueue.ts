import { readFile } from "node:fs/promises";
import { text } from "node:stream/consumers";

import { parsePayload } from "../../core/values/parse-payload.ts";
import { readArguments, wholeNumber } from "../arguments.ts";
import { EXIT, UsageError, type CliIo, type Command } from "../command.ts";
import { momentAt } from "../moments.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withStore } from "../queue.ts";
import { printableJson } from "../terminal/printable.ts";

const INT4 = 2_147_483_647;

const OPTIONS = {
  key: { type: "string", value: "K", help: "a dedupe key: while a job with it is active, no other is made" },
  priority: {
    type: "string",
    value: "N",
    help: "higher runs first; --priority=-5 for one below 0 (default: 0)",
  },
  "run-after": {
    ...{ type: "string", value: "W" },
    help: "not before: a span such as 10m, by this machine's clock, or a time such as 2026-12-24T18:00Z",
  },
  "max-attempts": { type: "string", value: "N", help: "how often it is tried (default: 5)" },
  timeout: { type: "string", value: "N", help: "seconds that its handler may run (default: the worker's)" },
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun enqueue`: a job from a shell. */
export const enqueueCommand: Command = {
  name: "enqueue",
  summary: "enqueue a job",
  usage: "pqrun enqueue TYPE [JSON | @FILE | -] [options]",
  about: `Enqueues one job and prints its id. The payload is a JSON object: the argument, a file's
content, or what comes on stdin (default: {}). A file or stdin keeps it from the eyes of
others on this machine. No contract's schema checks it here.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [type, written = "{}", ...more] = positionals;
    if (type === undefined) throw new UsageError("which type? It is missing");
    if (more.length > 0) throw new UsageError("more than a type and a payload");
    const number = (option: "priority" | "max-attempts" | "timeout", min: number): number | undefined => {
      const given = values[option];
      return given === undefined ? undefined : wholeNumber(option, given, min, INT4);
    };
    const how = {
      dedupeKey: values.key,
      priority: number("priority", -INT4 - 1),
      maxAttempts: number("max-attempts", 1),
      timeoutSeconds: number("timeout", 1),
      runAfter: values["run-after"] === undefined ? undefined : momentAt("run-after", values["run-after"], 1),
    };
    const payload = parsed(await contentOf(written, io));
    const { id, created } = await withStore(io, values, (store) => store.enqueue(type, payload, how));
    io.stdout.write(values.json === true ? `${printableJson({ id, created })}\n` : `${id}\n`);
    if (!created) io.stderr.write(`job ${id} has this key and is active: no other was made\n`);
    return EXIT.done;
  },
};

async function contentOf(written: string, { stdin }: CliIo): Promise<string> {
  if (written === "-") return stdin === undefined ? "" : await text(stdin);
  if (!written.startsWith("@")) return written;
  try {
    return await readFile(written.slice(1), "utf8");
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    // Without the cause, whose message quotes the argument.
    throw new UsageError(`the payload's file can't be read (${code})`);
  }
}

/** Not with JSON.parse's words, which quote the text. */
function parsed(json: string): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch {
    throw new UsageError("the payload is no JSON");
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw new UsageError("the payload is no JSON object");
  }
  // It refuses the integers that would be rounded.
  return parsePayload(json) as Record<string, unknown>;
}
