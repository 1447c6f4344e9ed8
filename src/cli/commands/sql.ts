import { readOptions, wholeNumber } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { TABLE_OPTIONS, type CliOptions } from "../options.ts";
import { renderMigrations } from "../../migrate/migrations.ts";
import { PATTERNS, renderPattern } from "../../migrate/patterns.ts";

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
  pattern: {
    ...{ type: "string", value: "NAME", values: PATTERNS },
    help: `print a pattern instead: ${PATTERNS.join(", ")}`,
  },
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
Needs no driver and no database. Applying it again changes nothing.
With --pattern it is a file of sql/patterns for that table: the guard beside Python's workers,
roles of least privilege, archiving, cleanup, enqueuing, monitoring.`,
  options: OPTIONS,
  run: (args, io) => {
    const options = readOptions(args, OPTIONS);
    if (options.pattern !== undefined) {
      const pattern = PATTERNS.find((name) => name === options.pattern);
      if (pattern === undefined) throw new UsageError(`--pattern: one of ${PATTERNS.join(", ")}`);
      io.stdout.write(renderPattern(pattern, tableOf(io, options)));
      return Promise.resolve(EXIT.done);
    }
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
