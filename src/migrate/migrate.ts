import { TableError } from "../core/errors.ts";
import { checkExecutor } from "../core/executor.ts";
import type { SqlExecutor } from "../core/executor.ts";
import { checkOptions } from "../core/values/known-options.ts";
import { tableNames, type TableOptions } from "../core/sql/table-names.ts";
import { sqlState } from "../core/sql/sql-state.ts";
import { buildIndexes } from "./build-indexes.ts";
import { exposedRoles } from "./exposed-roles.ts";
import { TABLE_OPTIONS, tableMigrations, type IndexOptions } from "./migrations.ts";
import { persist, type MigrateControls } from "./retry-ddl.ts";
import { tableState, type TableState } from "./table-state.ts";

export type { IndexOptions } from "./migrations.ts";
export type { MigrateControls } from "./retry-ddl.ts";

/** Which table, and which indexes it is to have. */
export interface MigrateOptions extends TableOptions, IndexOptions {}

/** What changed while `migrate` ran, by any of several that ran at once. */
export interface MigrationReport {
  readonly table: "created" | "upgraded" | "unchanged";
  /** The indexes that were not there, or were invalid. */
  readonly built: readonly string[];
  /** The indexes that are gone. */
  readonly dropped: readonly string[];
}

const CONTROLS = { signal: true, log: true, wait: true } as const satisfies Record<
  keyof MigrateControls,
  true
>;

/** The SQLSTATE of the migrations' own refusals. */
const REFUSED = "PQR01";

/**
 * Brings a table to this version of pqrun: creates it, or adds what is missing,
 * beside its workers and writers. Any number may run at once, over any executor
 * whose statements are each a transaction of their own; one that was
 * interrupted is finished by the next. Where the table has rows, indexes are
 * built CONCURRENTLY, which waits for every transaction then open.
 *
 * @throws TableError where the table is not a job queue (it is left as it is), or rows contradict an index.
 * @throws InvalidInputError for a name that PostgreSQL can't hold, for options that exclude each other, and for one that is none.
 */
export async function migrate(
  executor: SqlExecutor,
  options: MigrateOptions = {},
  controls: MigrateControls = {},
): Promise<MigrationReport> {
  checkExecutor(executor);
  checkOptions(options, TABLE_OPTIONS);
  checkOptions(controls, CONTROLS);
  const migrations = tableMigrations(options, "empty");
  const before = await tableState(executor, options, controls.signal);
  for (const { text } of migrations) {
    await persist(() => executor.query(text, [], { signal: controls.signal }), controls).catch(refused);
  }
  await buildIndexes(executor, options, controls);
  const { jobs, schedules, limits, steps } = tableNames(options);
  for (const table of [jobs, schedules, limits, steps]) {
    const warning = await exposedRoles(executor, table, controls.signal);
    if (warning !== undefined) controls.log?.(warning);
  }
  return report(before, await tableState(executor, options, controls.signal));
}

function refused(error: unknown): never {
  if (sqlState(error) !== REFUSED) throw error;
  throw new TableError(error instanceof Error ? error.message : String(error), { cause: error });
}

function report(before: TableState, after: TableState): MigrationReport {
  const valid = ({ indexes }: TableState): string[] =>
    [...indexes.keys()].filter((name) => indexes.get(name));
  return {
    table: !before.exists ? "created" : before.shape === after.shape ? "unchanged" : "upgraded",
    built: valid(after).filter((name) => before.indexes.get(name) !== true),
    dropped: [...before.indexes.keys()].filter((name) => !after.indexes.has(name)),
  };
}
