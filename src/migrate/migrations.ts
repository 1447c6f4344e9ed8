import { InvalidInputError } from "../core/errors.ts";
import {
  derivedName,
  quoteLiteral,
  quoteName,
  tableNames,
  type TableOptions,
} from "../core/sql/table-names.ts";
import { checkOptions } from "../core/values/known-options.ts";
import { migrationFiles } from "./migration-files.ts";

/** Which indexes a table is to have. */
export interface IndexOptions {
  /**
   * Drop the Python package's `idx_jobs_pick` and `idx_jobs_type`, which pqrun doesn't use.
   *
   * @default false
   */
  readonly dropPythonIndexes?: boolean | undefined;
  /**
   * Build `jobs_python_pick`, which makes the Python package's pick-up fast: its own `idx_jobs_pick` has each pick-up
   * sort all that is due.
   *
   * @default false
   */
  readonly pythonPickIndex?: boolean | undefined;
}

/** Which table it is, and which indexes it is to have. */
export const TABLE_OPTIONS = {
  schema: true,
  table: true,
  dropPythonIndexes: true,
  pythonPickIndex: true,
} as const satisfies Record<keyof (TableOptions & IndexOptions), true>;

/** What `pqrun sql` prints. */
export interface RenderOptions extends TableOptions, IndexOptions {
  /**
   * The first migration to print: 1 to the number of the last.
   *
   * @default 1
   */
  readonly from?: number | undefined;
  /**
   * Build the indexes beside the table's writers, in statements of their own after the blocks.
   *
   * @default false
   */
  readonly concurrently?: boolean | undefined;
}

const RENDER_OPTIONS = { ...TABLE_OPTIONS, from: true, concurrently: true } as const satisfies Record<
  keyof RenderOptions,
  true
>;

/** When 002 builds an index: always, only while the table has no row, or never. */
export type IndexBuild = "always" | "empty" | "never";

/** One numbered file of `sql/`, for one table: a comment and one DO block. */
export interface Migration {
  readonly number: number;
  readonly text: string;
}

/** An index that the table is to have. */
export interface QueueIndex {
  /** Unquoted. */
  readonly name: string;
  readonly unique: boolean;
  /** What follows ON table: the columns and the predicate. */
  readonly keys: string;
  /** The migration that builds it, or sets it aside where it is invalid. */
  readonly migration: number;
}

const INDEX_MIGRATION = 2;
const SCHEDULE_MIGRATION = 4;
const KEY_MIGRATION = 6;
const LIMITS_MIGRATION = 7;
/** A constant of a block's DECLARE section whose value is a literal. */
const CONSTANT = /^( +(\w+) +CONSTANT +\w+ *:= *)('(?:[^']|'')*'|true|false);/gm;

/**
 * The migrations for one table as text for psql.
 *
 * @throws InvalidInputError for a name that PostgreSQL can't hold an option out of its bounds or one that is none.
 */
export function renderMigrations(options: RenderOptions = {}): string {
  checkOptions(options, RENDER_OPTIONS);
  const { from = 1, concurrently = false, ...table } = options;
  const migrations = tableMigrations(table, concurrently ? "never" : "always");
  if (!migrations.some(({ number }) => number === from)) {
    throw new InvalidInputError("from", `a whole number from 1 to ${migrations.at(-1)?.number}`, from);
  }
  const blocks = migrations.filter(({ number }) => number >= from).map(({ text }) => text);
  return [...blocks, ...(concurrently ? indexStatements(table, from) : [])].join("\n");
}

/** Every migration, in order, for one table. */
export function tableMigrations(
  options: TableOptions & IndexOptions,
  build: IndexBuild,
): readonly Migration[] {
  const values = constants(options, build);
  return migrationFiles().map(({ number, text }) => ({
    number,
    text: text.replaceAll(CONSTANT, (whole, head: string, name: string) => {
      const value = values[name];
      return value === undefined ? whole : `${head}${literal(value)};`;
    }),
  }));
}

/** The migration of an index alone, which on a table with rows sets aside what is invalid. */
export function indexMigration(
  options: TableOptions & IndexOptions,
  { migration }: Pick<QueueIndex, "migration">,
): string {
  return tableMigrations(options, "empty").find(({ number }) => number === migration)?.text ?? "";
}

/** The indexes that the table is to have, as 002, 004, 006 and 007 define them. */
export function queueIndexes(options: TableOptions & IndexOptions): readonly QueueIndex[] {
  const names = indexNames(options);
  const files = migrationFiles();
  const index = (
    name: string,
    unique: boolean,
    constant: string,
    migration = INDEX_MIGRATION,
  ): QueueIndex => {
    const text = files.find(({ number }) => number === migration)?.text ?? "";
    const found = [...text.matchAll(CONSTANT)].find(([, , candidate]) => candidate === constant)?.[3];
    if (found === undefined) throw new Error(`sql/00${migration} has no constant ${constant}`);
    return { name, unique, keys: found.slice(1, -1).replaceAll("''", "'"), migration };
  };
  return [
    index(names.ready, false, "ready_keys"),
    index(names.readyDue, false, "ready_due_keys"),
    index(names.running, false, "running_keys"),
    index(names.dedupe, true, "dedupe_keys"),
    index(names.failed, false, "failed_keys"),
    index(names.cancelled, false, "cancelled_keys"),
    index(names.tick, true, "tick_keys", SCHEDULE_MIGRATION),
    index(names.idempotency, true, "idempotency_keys", KEY_MIGRATION),
    index(names.debounce, true, "debounce_keys", KEY_MIGRATION),
    index(names.parked, false, "parked_keys", LIMITS_MIGRATION),
    index(names.keyRunning, false, "key_running_keys", LIMITS_MIGRATION),
    index(names.begun, false, "begun_keys", LIMITS_MIGRATION),
    ...(options.pythonPickIndex ? [index(names.pythonPick, false, "python_pick_keys")] : []),
  ];
}

/** The Python package's indexes that go with `dropPythonIndexes`, unquoted. */
export function pythonIndexes(options: TableOptions): readonly string[] {
  const { pick, type } = indexNames(options);
  return [pick, type];
}

/** Builds one index beside the table's writers; to be sent alone, outside a transaction. */
export function buildConcurrently(options: TableOptions, { name, unique, keys }: QueueIndex): string {
  const kind = unique ? "UNIQUE INDEX" : "INDEX";
  return `CREATE ${kind} CONCURRENTLY IF NOT EXISTS ${quoteName(name)} ON ${tableNames(options).jobs} ${keys}`;
}

/** Drops one index beside the table's users; to be sent alone, outside a transaction. */
export function dropConcurrently(options: TableOptions, name: string): string {
  return `DROP INDEX CONCURRENTLY IF EXISTS ${quoteName(tableNames(options).schema)}.${quoteName(name)}`;
}

/** @param from the first migration that is printed: the indexes of those before it are there */
function indexStatements(options: TableOptions & IndexOptions, from: number): readonly string[] {
  const drops = options.dropPythonIndexes === true && from <= INDEX_MIGRATION;
  const statements = [
    ...queueIndexes(options)
      .filter(({ migration }) => migration >= from)
      .map((index) => buildConcurrently(options, index)),
    ...(drops ? pythonIndexes(options) : []).map((name) => dropConcurrently(options, name)),
  ];
  if (statements.length === 0) return [];
  return [
    `-- One at a time, and outside a transaction.\n${statements.map((statement) => `${statement};\n`).join("")}`,
  ];
}

function constants(
  options: TableOptions & IndexOptions,
  build: IndexBuild,
): Record<string, string | boolean> {
  const { dropPythonIndexes = false, pythonPickIndex = false } = options;
  const { schema, table, channel } = tableNames(options);
  const index = indexNames(options);
  return {
    schema_name: schema,
    table_name: table,
    archive_name: derivedName(table, "archive"),
    ready_name: index.ready,
    ready_due_name: index.readyDue,
    running_name: index.running,
    dedupe_name: index.dedupe,
    failed_name: index.failed,
    cancelled_name: index.cancelled,
    pick_name: index.pick,
    type_name: index.type,
    python_pick_name: index.pythonPick,
    waiting_name: derivedName(table, "waiting"),
    until_name: derivedName(table, "waiting_until"),
    wake_name: derivedName(table, "wake"),
    again_name: derivedName(table, "wake_again"),
    schedules_name: derivedName(table, "schedules"),
    due_name: derivedName(table, "schedules_due"),
    tick_index_name: index.tick,
    idempotency_name: index.idempotency,
    debounce_name: index.debounce,
    field_name: derivedName(table, "cron_field"),
    wall_name: derivedName(table, "cron_wall"),
    ticks_name: derivedName(table, "cron_ticks"),
    plan_name: derivedName(table, "plan"),
    tick_name: derivedName(table, "tick"),
    wake_tick_name: derivedName(table, "wake_tick"),
    wake_new_name: derivedName(table, "wake_tick_new"),
    limits_name: derivedName(table, "limits"),
    wake_limits_name: derivedName(table, "wake_limits"),
    wake_limited_name: derivedName(table, "wake_limits_new"),
    parked_name: index.parked,
    key_running_name: index.keyRunning,
    begun_name: index.begun,
    steps_name: derivedName(table, "steps"),
    forget_name: derivedName(table, "forget_steps"),
    empty_name: derivedName(table, "forget_all_steps"),
    channel,
    build,
    with_pick: pythonPickIndex,
    without_python_indexes: dropPythonIndexes,
  };
}

/** For the table `jobs`, `dedupe`, `pick` and `type` are the Python package's names. */
function indexNames(
  options: TableOptions,
): Record<
  | "ready"
  | "readyDue"
  | "running"
  | "dedupe"
  | "failed"
  | "cancelled"
  | "tick"
  | "idempotency"
  | "debounce"
  | "parked"
  | "keyRunning"
  | "begun"
  | "pick"
  | "type"
  | "pythonPick",
  string
> {
  const { table } = tableNames(options);
  return {
    ready: derivedName(table, "ready"),
    readyDue: derivedName(table, "ready_due"),
    running: derivedName(table, "running"),
    dedupe: derivedName(`uq_${table}`, "active_dedupe"),
    failed: derivedName(table, "failed"),
    cancelled: derivedName(table, "cancelled"),
    tick: derivedName(`uq_${table}`, "tick"),
    idempotency: derivedName(`uq_${table}`, "idempotency"),
    debounce: derivedName(`uq_${table}`, "debounce"),
    parked: derivedName(table, "parked"),
    keyRunning: derivedName(table, "running_keys"),
    begun: derivedName(table, "begun"),
    pick: derivedName(`idx_${table}`, "pick"),
    type: derivedName(`idx_${table}`, "type"),
    pythonPick: derivedName(table, "python_pick"),
  };
}

/** A literal inside a DO block: its `$` must not end the block's quotes. */
function literal(value: string | boolean): string {
  if (typeof value === "boolean") return String(value);
  if (!value.includes("$")) return quoteLiteral(value);
  return `E'${value.replaceAll("\\", "\\\\").replaceAll("'", "''").replaceAll("$", "\\x24")}'`;
}
