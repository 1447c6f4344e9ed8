import type { Logger } from "../core/logger.ts";
import { PgJobStore } from "../core/store.ts";
import { UsageError, type CliIo } from "./command.ts";
import { connect, type Connection } from "./connect.ts";
import { requireDatabaseUrl } from "./database-url.ts";
import { tableOf, type NamedTable } from "./environment.ts";
import { printable } from "./terminal/printable.ts";

/** Opens the queue that the command line and the environment name, and closes it after `work`. */
export async function withStore<T>(
  io: CliIo,
  options: NamedTable,
  work: (store: PgJobStore, connection: Connection) => Promise<T>,
): Promise<T> {
  await using connection = await connect(requireDatabaseUrl(io, options));
  const store = new PgJobStore(connection.executor, { ...tableOf(io, options), logger: cliLogger(io) });
  return await work(store, connection);
}

/** Words on stderr, whose lines move no terminal: data alone goes to stdout. */
export function cliLogger({ stderr }: CliIo): Logger {
  const line: Logger["info"] = (message, fields = {}) => {
    const pairs = Object.entries(fields).map(([name, value]) => ` ${name}=${String(value)}`);
    stderr.write(`pqrun: ${printable(message + pairs.join(""))}\n`);
  };
  return { debug: () => undefined, info: line, warn: line, error: line };
}

/** Arguments that are jobs' ids, each once. @throws UsageError for any other, without it. */
export function jobIds(args: readonly string[]): readonly string[] {
  if (args.length === 0) throw new UsageError("which job? Its id is missing");
  if (args.every((arg) => /^[1-9]\d{0,18}$/.test(arg))) return [...new Set(args)];
  throw new UsageError("an argument that is no job's id");
}
