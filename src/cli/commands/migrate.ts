import { readOptions, TABLE_HELP, TABLE_OPTIONS, tableOf } from "../arguments.ts";
import { connect } from "../connect.ts";
import { DATABASE_HELP, DATABASE_OPTIONS, requireDatabaseUrl } from "../database-url.ts";
import { EXIT, type Command } from "../command.ts";
import { migrate, type MigrationReport } from "../../migrate/migrate.ts";
import { printable } from "../terminal/printable.ts";
import { INDEX_HELP, INDEX_OPTIONS } from "./sql.ts";
import { tableTitle } from "../terminal/table-title.ts";

/** `pqrun migrate`: applies the DDL. */
export const migrateCommand: Command = {
  name: "migrate",
  summary: "create the table, or bring it to this version",
  help: `pqrun migrate [options]

Creates the table or upgrades it in place, beside its workers and writers. Any number
may run at once; applying it again changes nothing.

${TABLE_HELP}
${INDEX_HELP}
${DATABASE_HELP}`,
  run: async (args, io) => {
    const options = readOptions(args, { ...TABLE_OPTIONS, ...INDEX_OPTIONS, ...DATABASE_OPTIONS });
    const table = tableOf(options);
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
    io.stdout.write(`${tableTitle(table)}: ${reportText(report)}\n`);
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
