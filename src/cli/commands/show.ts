import type { Job } from "../../core/job.ts";
import { stepsOf, type Step } from "../../core/operations/read-steps.ts";
import { isPqrunError } from "../../core/errors.ts";
import { readArguments } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { jobJson, type Shown } from "../job-json.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { jobIds, withStore } from "../queue.ts";
import { columns } from "../terminal/columns.ts";
import { ago } from "../terminal/duration.ts";
import { printable } from "../terminal/printable.ts";

const OPTIONS = {
  payload: { type: "boolean", help: "show the payload, too" },
  result: { type: "boolean", help: "show the result, too" },
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun show`: all of one job. */
export const showCommand: Command = {
  name: "show",
  summary: "show everything of one job",
  usage: "pqrun show ID [options]",
  about: `Shows everything of one job: what it was enqueued with, its attempts, its error.
Payload and result come when they are asked for, with the digits that the database has.
Ends in 4 where there is no such job.`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [id = "", ...more] = jobIds(positionals);
    if (more.length > 0) throw new UsageError("one job at a time");
    const [job, steps] = await withStore(io, values, async (store) => [
      await store.get(id),
      // A table of an older version has none.
      await stepsOf(store, id).catch((error: unknown) => {
        if (!isPqrunError(error, "table")) throw error;
        return [];
      }),
    ]);
    if (job === null) {
      io.stderr.write(`no job ${id}\n`);
      return EXIT.noJob;
    }
    io.stdout.write(
      values.json === true
        ? `${jobJson(withSteps(job, steps), values, 2)}\n`
        : `${jobText(job, values)}${stepsText(steps)}`,
    );
    return EXIT.done;
  },
};

function jobText(job: Job, shown: Shown): string {
  const { id, type, status, priority, attempts, maxAttempts, dedupeKey, lastError, timeoutSeconds } = job;
  const facts: (readonly [string, string | null])[] = [
    ["id", id],
    ["type", type],
    ["status", status],
    ["attempts", `${attempts} of ${maxAttempts}`],
    ["priority", String(priority)],
    ["key", dedupeKey],
    ["schedule", job.schedule],
    ["tick", moment(job.scheduledFor)],
    ["timeout", timeoutSeconds === null ? null : `${timeoutSeconds} s`],
    ["enqueued", moment(job.createdAt)],
    ["due", moment(job.runAfter)],
    ["picked up", moment(job.lockedAt)],
    ["by", job.lockedBy],
    ["lease until", moment(job.leaseExpiresAt)],
    ["finished", moment(job.finishedAt)],
    ["took", job.durationMs === null ? null : `${job.durationMs} ms`],
    ["changed", moment(job.updatedAt)],
    ["payload", content(job.payloadText, shown.payload, "--payload")],
    ["result", job.resultText === null ? null : content(job.resultText, shown.result, "--result")],
  ];
  const rows = facts.flatMap(([name, value]) => (value === null ? [] : [[name, printable(value)]]));
  return `${columns(rows, "left")}${attemptsText(job)}${lastError === null ? "" : `\n${paragraph(lastError)}`}`;
}

/** What became of the attempts that were not done, the newest first: each error's first line. */
function attemptsText({ errors }: Job): string {
  const rows = [...errors]
    .reverse()
    .map(({ attempt, at, kind, durationMs, worker, error }) => [
      ...[`attempt ${attempt}`, kind, moment(at) ?? "", durationMs === null ? "" : `${durationMs} ms`],
      ...[worker ?? "", error.split("\n", 1)[0] ?? ""].map(printable),
    ]);
  return rows.length === 0 ? "" : `\n${columns(rows, "left")}`;
}

/** Without what they returned, as without the payload. */
function withSteps(job: Job, steps: readonly Step[]): Job {
  return steps.length === 0
    ? job
    : { ...job, ...{ steps: steps.map(({ valueText: _valueText, ...step }) => step) } };
}

/** What the job has remembered, the oldest first. */
function stepsText(steps: readonly Step[]): string {
  const rows = steps.map(({ name, at, attempt, durationMs, wakesAt }) => [
    ...[`step ${printable(name)}`, moment(at) ?? "", `attempt ${attempt}`],
    wakesAt === null ? (durationMs === null ? "" : `${durationMs} ms`) : `until ${moment(wakesAt) ?? ""}`,
  ]);
  return rows.length === 0 ? "" : `\n${columns(rows, "left")}`;
}

function moment(date: Date | null): string | null {
  return date === null ? null : `${date.toISOString()} (${ago(date)})`;
}

function content(text: string, asked: boolean | undefined, option: string): string {
  return asked === true
    ? text
    : `${Buffer.byteLength(text).toLocaleString("en")} bytes; ${option} shows them`;
}

/** An error's text keeps its lines. */
function paragraph(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => `  ${" ".repeat(line.search(/\S|$/))}${printable(line.trim())}`.trimEnd() + "\n")
    .join("");
}
