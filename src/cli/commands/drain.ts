import { drainOnce } from "../../runners/drain/drain-once.ts";
import type { DrainReport } from "../../runners/drain/drain-options.ts";
import { readArguments, wholeNumber } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { HANDLERS_NOTE } from "../handlers-file.ts";
import { spanSeconds } from "../moments.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withRunner } from "../runner-store.ts";
import { duration } from "../terminal/duration.ts";
import { failureText } from "../terminal/failure-text.ts";
import { printableJson } from "../terminal/printable.ts";

const OPTIONS = {
  budget: { type: "string", value: "W", help: "how long it may take: 50s, 5m (default: 50s)" },
  concurrency: { type: "string", value: "N", help: "how many handlers run at once, 1 to 1000 (default: 10)" },
  "max-jobs": { type: "string", value: "N", help: "at most so many jobs" },
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun drain`: what is due, within a budget. */
export const drainCommand: Command = {
  name: "drain",
  summary: "run what is due with a file's handlers, then end",
  usage: "pqrun drain FILE [--budget W] [options]",
  about: `Runs jobs until none is due or the budget is spent, for a cron. Ends in 0 also where jobs
failed, which are in its report; in 1 where the database did.

${HANDLERS_NOTE}`,
  options: OPTIONS,
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [file, ...more] = positionals;
    if (file === undefined || more.length > 0) throw new UsageError("drain wants one file of handlers");
    const budgetMs = spanSeconds("budget", values.budget ?? "50s") * 1000;
    const most = values["max-jobs"];
    const maxJobs = most === undefined ? undefined : wholeNumber("max-jobs", most, 1, 999_999_999);
    const report = await withRunner(io, file, values, (options) =>
      drainOnce({ ...options, budgetMs, maxJobs, signal: io.signal }),
    );
    const error = report.error === undefined ? null : failureText(report.error);
    const json = { ...report, elapsedMs: Math.round(report.elapsedMs), error };
    io.stdout.write(values.json === true ? `${printableJson(json)}\n` : reportText(report));
    if (error !== null) io.stderr.write(`pqrun: ${error}\n`);
    io.signal.throwIfAborted();
    return report.stoppedBy === "error" ? EXIT.failed : EXIT.done;
  },
};

function reportText({ elapsedMs, stoppedBy, more, nextDueInMs, ...report }: DrainReport): string {
  const counts = Object.entries({ done: report.done, retried: report.retried, failed: report.failed });
  const rare = Object.entries({
    ...{ snoozed: report.snoozed, released: report.released, lost: report.lost },
    ...{ cancelled: report.cancelled, reaped: report.reaped, unsettled: report.unsettled },
  }).filter(([, count]) => count > 0);
  const next = more ? "more is due" : nextDueInMs === null ? "" : `next in ${duration(nextDueInMs / 1000)}`;
  const said = [...counts, ...rare].map(([name, count]) => `${count} ${name}`);
  const parts = [...said, `${duration(elapsedMs / 1000)}, ended by ${stoppedBy}`, next];
  return `${parts.filter((part) => part !== "").join(", ")}\n`;
}
