import { PgJobStore } from "../core/store.ts";
import { steps } from "../runners/job/job-steps.ts";
import type { RunnerOptions } from "../runners/runner-options.ts";
import { wholeNumber } from "./arguments.ts";
import type { CliIo } from "./command.ts";
import { connect } from "./connect.ts";
import { requireDatabaseUrl } from "./database-url.ts";
import { environmentOf, tableOf, type NamedTable } from "./environment.ts";
import { readHandlers } from "./handlers-file.ts";
import { cliLogger } from "./queue.ts";

interface RunnerArguments extends NamedTable {
  readonly concurrency?: string | undefined;
}

/** Reads the handlers, opens the queue for a runner of them, and closes it after `work`. */
export async function withRunner<T>(
  io: CliIo,
  file: string,
  arguments_: RunnerArguments,
  work: (options: RunnerOptions & { readonly env: NodeJS.Dict<string> }) => Promise<T>,
): Promise<T> {
  const { concurrency: slots } = arguments_;
  const concurrency = slots === undefined ? undefined : wholeNumber("concurrency", slots, 1, 1_000);
  const url = requireDatabaseUrl(io, arguments_);
  const { handlers, jobs, schedules, owner } = await readHandlers(file);
  await using connection = await connect(url);
  const logger = cliLogger(io);
  const store = new PgJobStore(connection.executor, { ...tableOf(io, arguments_), jobs, logger });
  const env = { ...environmentOf(io, arguments_) };
  return await work({ store, handlers, steps, schedules, owner, concurrency, env, logger });
}
