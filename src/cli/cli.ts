import { readFileSync } from "node:fs";
import { join } from "node:path";

import { isPqrunError } from "../core/errors.ts";
import { refuseConnectionStrings } from "./arguments.ts";
import { completionCommand } from "./commands/completion.ts";
import { dashboardCommand } from "./commands/dashboard.ts";
import { demoCommand } from "./commands/demo.ts";
import { failureText } from "./terminal/failure-text.ts";
import { helpOf } from "./help.ts";
import { suggestion } from "./suggestion.ts";
import { EXIT, Interruption, UsageError, type CliIo, type Command } from "./command.ts";
import { importCommand } from "./commands/import.ts";
import { metricsCommand } from "./commands/metrics.ts";
import { doctorCommand } from "./commands/doctor.ts";
import { topCommand } from "./commands/top.ts";
import { limitsCommand } from "./commands/limits.ts";
import { lsCommand } from "./commands/ls.ts";
import { cancelCommand } from "./commands/cancel.ts";
import { drainCommand } from "./commands/drain.ts";
import { enqueueCommand } from "./commands/enqueue.ts";
import { pruneCommand } from "./commands/prune.ts";
import { rmCommand } from "./commands/rm.ts";
import { retryCommand } from "./commands/retry.ts";
import { workCommand } from "./commands/work.ts";
import { showCommand } from "./commands/show.ts";
import { migrateCommand } from "./commands/migrate.ts";
import { packageRoot } from "../migrate/package-root.ts";
import { schedulesCommand } from "./commands/schedules.ts";
import { skillCommand } from "./commands/skill.ts";
import { sqlCommand } from "./commands/sql.ts";
import { statsCommand } from "./commands/stats.ts";

/** In the order of the help. */
export const COMMANDS: readonly Command[] = [
  sqlCommand,
  migrateCommand,
  statsCommand,
  topCommand,
  lsCommand,
  showCommand,
  enqueueCommand,
  retryCommand,
  cancelCommand,
  rmCommand,
  pruneCommand,
  workCommand,
  drainCommand,
  doctorCommand,
  metricsCommand,
  importCommand,
  schedulesCommand,
  limitsCommand,
  dashboardCommand,
  demoCommand,
  skillCommand,
  completionCommand(() => COMMANDS),
];

/**
 * Runs one command line, without the program's own name.
 *
 * @returns the exit code: of {@link EXIT}, or 128 and the signal's number where it was interrupted.
 */
export async function runCli(args: readonly string[], io: CliIo): Promise<number> {
  const [first, ...rest] = args;
  const command = COMMANDS.find(({ name }) => name === first);
  try {
    if (command === undefined) return withoutCommand(args, io);
    if (rest.includes("--help") || rest.includes("-h")) return print(io, helpOf(command));
    return await command.run(rest, io);
  } catch (error) {
    return failed(error, command, io);
  }
}

function withoutCommand(args: readonly string[], io: CliIo): number {
  refuseConnectionStrings(args);
  const [first = "--help"] = args;
  if (first === "--help" || first === "-h" || first === "help") return print(io, overallHelp());
  if (first === "--version" || first === "-v") return print(io, version());
  const names = COMMANDS.map(({ name }) => name);
  throw new UsageError(`the first argument is not one of ${names.join(", ")}${suggestion(first, names)}`);
}

function print(io: CliIo, text: string): number {
  io.stdout.write(`${text}\n`);
  return EXIT.done;
}

function failed(error: unknown, command: Command | undefined, { stderr, signal }: CliIo): number {
  if (signal.reason instanceof Interruption) {
    stderr.write("pqrun: interrupted\n");
    return signal.reason.exitCode;
  }
  stderr.write(`pqrun: ${failureText(error)}\n`);
  if (!(error instanceof UsageError) && !isPqrunError(error, "invalid-input")) return EXIT.failed;
  stderr.write(`Try: pqrun ${command === undefined ? "" : `${command.name} `}--help\n`);
  return EXIT.usage;
}

function overallHelp(): string {
  return `pqrun: a job queue in PostgreSQL

${COMMANDS.map(({ name, summary }) => `  pqrun ${name.padEnd(10)} ${summary}`).join("\n")}

  pqrun <command> --help
  pqrun --version

Exit codes: 0 done, 1 failed, 2 wrong usage, 3 doctor found something, 4 no such job.`;
}

function version(): string {
  const manifest = JSON.parse(readFileSync(join(packageRoot(), "package.json"), "utf8")) as {
    version: string;
  };
  return manifest.version;
}
