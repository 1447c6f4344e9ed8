import { readOptions, wholeNumber } from "../arguments.ts";
import { EXIT, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { TABLE_OPTIONS, type CliOptions } from "../options.ts";
import { renderMigrations } from "../../migrate/migrations.ts";

/** The options for a table's indexes. */
export const INDEX_OPTIONS = {
  "drop-python-indexes": {
    type: "boolean",
    help: "drop the Python package's indexes, which pqrun doesn't use",
  },
  "python-pick-index": {
    type: "boolean",
    help: "build an index in the order of the Python package's pick-up",
  },
} as const satisfies CliOptions;

const OPTIONS = {
  ...TABLE_OPTIONS,
  from: { type: "string", value: "N", help: "begin with migration N (default: 1)" },
  concurrently: {
    type: "boolean",
    help: "build the indexes beside the table's writers; not for a transaction",
  },
  ...INDEX_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun sql`: the DDL as text. */
export const sqlCommand: Command = {
  name: "sql",
  summary: "print the DDL, for psql or a migration tool",
  usage: "pqrun sql [options]",
  about: `Prints the migrations, and nothing else: pqrun sql | psql "$DATABASE_URL"
Needs no driver and no database. Applying it again changes nothing.`,
  options: OPTIONS,
  run: (args, io) => {
    const options = readOptions(args, OPTIONS);
    io.stdout.write(
      renderMigrations({
        ...tableOf(io, options),
        from: options.from === undefined ? undefined : wholeNumber("from", options.from, 1, 999),
        concurrently: options.concurrently,
        dropPythonIndexes: options["drop-python-indexes"],
        pythonPickIndex: options["python-pick-index"],
      }),
    );
    return Promise.resolve(EXIT.done);
  },
};
