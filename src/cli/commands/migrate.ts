import { readOptions } from "../arguments.ts";
import { connect } from "../connect.ts";
import { requireDatabaseUrl } from "../database-url.ts";
import { EXIT, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { QUEUE_OPTIONS } from "../options.ts";
import { migrate, type MigrationReport } from "../../migrate/migrate.ts";
import { printable, printableJson } from "../terminal/printable.ts";
import { INDEX_OPTIONS } from "./sql.ts";
import { tableTitle } from "../terminal/table-title.ts";

const OPTIONS = { ...INDEX_OPTIONS, ...QUEUE_OPTIONS };

/** `pqrun migrate`: applies the DDL. */
export const migrateCommand: Command = {
  name: "migrate",
  summary: "create the table, or bring it to this version",
  usage: "pqrun migrate [options]",
  about: `Creates the table or upgrades it in place, beside its workers and writers. Any number
may run at once; applying it again changes nothing.`,
  options: OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, OPTIONS);
    const table = tableOf(io, options);
    await using connection = await connect(requireDatabaseUrl(io, options));
    const report = await migrate(
      connection.executor,
      {
        ...table,
        dropPythonIndexes: options["drop-python-indexes"],
        pythonPickIndex: options["python-pick-index"],
      },
      { signal: io.signal, log: (line) => void io.stderr.write(`${printable(line)}\n`) },
    );
    const text = `${tableTitle(table)}: ${reportText(report)}`;
    io.stdout.write(`${options.json === true ? printableJson(report) : text}\n`);
    return EXIT.done;
  },
};

/** What a migration changed, in one line. */
function reportText({ table, built, dropped }: MigrationReport): string {
  const parts: string[] = [table];
  if (built.length > 0) parts.push(`indexes built: ${built.join(", ")}`);
  if (dropped.length > 0) parts.push(`indexes dropped: ${dropped.join(", ")}`);
  return printable(parts.join("; "));
}
