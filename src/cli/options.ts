/** One option of a command: what parses it, and what its help and a shell's completion say. */
export interface CliOption {
  readonly type: "string" | "boolean";
  readonly multiple?: boolean;
  /** What stands for its value in the help: S, FILE. */
  readonly value?: string;
  /** What it does; wrapped as the help is printed. Without it the option is understood, and not shown. */
  readonly help?: string;
  /** Its only values, or the usual ones, which completion offers. */
  readonly values?: readonly string[];
}

/** The options of a command by their names, without dashes. */
export type CliOptions = Readonly<Record<string, CliOption>>;

/** The options of every command that has to do with a table. */
export const TABLE_OPTIONS = {
  schema: { type: "string", value: "S", help: "the table's schema (default: PQRUN_SCHEMA, or public)" },
  table: { type: "string", value: "T", help: "the table's name (default: PQRUN_TABLE, or jobs)" },
} as const satisfies CliOptions;

/**
 * The option by which a command takes its connection from a file. `--env-file` is the same, for those whose file is
 * there: Node reads that option itself, wherever it stands, and exits with 9 where the file is not.
 */
export const DATABASE_OPTIONS = {
  env: {
    type: "string",
    value: "F",
    help: "a file of NAME=value lines to read beside the environment, which wins",
  },
  "env-file": { type: "string" },
} as const satisfies CliOptions;

/** The options of every command that reads or changes jobs. */
export const QUEUE_OPTIONS = {
  ...TABLE_OPTIONS,
  json: { type: "boolean", help: "print JSON, of a list one line each" },
  ...DATABASE_OPTIONS,
} as const satisfies CliOptions;

/** The options of a command that changes many jobs, or deletes. */
export const CAREFUL_OPTIONS = {
  "dry-run": { type: "boolean", help: "say what it would do, and change nothing" },
  yes: { type: "boolean", help: "don't ask; off a terminal it is required" },
} as const satisfies CliOptions;
