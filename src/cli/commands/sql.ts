import { readOptions, TABLE_HELP, TABLE_OPTIONS, tableOf, wholeNumber } from "../arguments.ts";
import { EXIT, type Command } from "../command.ts";
import { renderMigrations } from "../../migrate/migrations.ts";

/** The options for a table's indexes. */
export const INDEX_OPTIONS = {
  "drop-python-indexes": { type: "boolean" },
  "python-pick-index": { type: "boolean" },
} as const;

/** The lines of help for {@link INDEX_OPTIONS}. */
export const INDEX_HELP = `  --drop-python-indexes   drop the Python package's indexes, which pqrun doesn't use
  --python-pick-index     build an index in the order of the Python package's pick-up`;

/** `pqrun sql`: the DDL as text. */
export const sqlCommand: Command = {
  name: "sql",
  summary: "print the DDL, for psql or a migration tool",
  help: `pqrun sql [options]

Prints the migrations, and nothing else: pqrun sql | psql "$DATABASE_URL"
Needs no driver and no database. Applying it again changes nothing.

${TABLE_HELP}
  --from N         begin with migration N (default: 1)
  --concurrently   build the indexes beside the table's writers; not for a transaction
${INDEX_HELP}`,
  run: (args, io) => {
    const options = readOptions(args, {
      ...TABLE_OPTIONS,
      ...INDEX_OPTIONS,
      from: { type: "string" },
      concurrently: { type: "boolean" },
    });
    io.stdout.write(
      renderMigrations({
        ...tableOf(options),
        from: options.from === undefined ? undefined : wholeNumber("from", options.from, 1, 999),
        concurrently: options.concurrently,
        dropPythonIndexes: options["drop-python-indexes"],
        pythonPickIndex: options["python-pick-index"],
      }),
    );
    return Promise.resolve(EXIT.done);
  },
};
