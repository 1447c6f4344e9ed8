import { InvalidInputError } from "../errors.ts";
import { byteLength, utf8 } from "../values/utf8.ts";
import { environmentVariable } from "./environment.ts";

/**
 * Where the queue lives: a table and everything whose name derives from it.
 * Every part is already quoted, so statements splice it as it is; this module
 * is the only place where a name enters a statement's text.
 */
export interface TableNames {
  /** The schema as given, unquoted. */
  readonly schema: string;
  /** The table's name as given, unquoted. */
  readonly table: string;
  /** `"schema"."table"` */
  readonly jobs: string;
  /** `"schema"."job_status"`, the enum of the status column. Tables of one schema share it. */
  readonly statusType: string;
  /** `"schema"."table_waiting"`, one row for each worker that waits for a NOTIFY. */
  readonly waiting: string;
  /** `"schema"."table_schedules"`, one row for each schedule. */
  readonly schedules: string;
  /** `"schema"."table_tick"`, the function that makes the jobs of due ticks. */
  readonly tick: string;
  /** `"schema"."table_limits"`, one row for each type that is paused or limited. */
  readonly limits: string;
  /** `"schema"."table_steps"`, one row for each step that a job has remembered. */
  readonly steps: string;
  /** The channel for LISTEN and `pg_notify`, unquoted. */
  readonly channel: string;
}

/** @default PQRUN_SCHEMA and PQRUN_TABLE of the process, which the CLI reads too; without them `public` and `jobs` */
export interface TableOptions {
  readonly schema?: string | undefined;
  readonly table?: string | undefined;
}

const STATUS_TYPE = "job_status";

/** PostgreSQL cuts longer names off without an error: NAMEDATALEN - 1. */
const MAX_NAME_BYTES = 63;

/**
 * The names for one queue, checked and quoted.
 *
 * @throws InvalidInputError for an empty name, one over 63 bytes, one with a control character, or the
 *   table `job_status`.
 */
export function tableNames({
  schema = environmentVariable("PQRUN_SCHEMA") ?? "public",
  table = environmentVariable("PQRUN_TABLE") ?? "jobs",
}: TableOptions = {}): TableNames {
  checkName("schema", schema);
  checkName("table", table);
  // A table's name is a type's name too.
  if (table === STATUS_TYPE) throw new InvalidInputError("table", "a name that the enum doesn't have", table);
  const inSchema = (name: string): string => `${quoteName(schema)}.${quoteName(name)}`;
  return Object.freeze({
    schema,
    table,
    jobs: inSchema(table),
    statusType: inSchema(STATUS_TYPE),
    waiting: inSchema(derivedName(table, "waiting")),
    schedules: inSchema(derivedName(table, "schedules")),
    tick: inSchema(derivedName(table, "tick")),
    limits: inSchema(derivedName(table, "limits")),
    steps: inSchema(derivedName(table, "steps")),
    channel: channelName(schema, table),
  });
}

/** A name as an SQL identifier: any character is harmless between doubled quotes. */
export function quoteName(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A text as an SQL literal that means the same whatever `standard_conforming_strings` says. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes("\\") ? ` E${quoted.replaceAll("\\", "\\\\")}` : quoted;
}

/**
 * `table_suffix`, or, where that is too long for PostgreSQL, the table's first
 * bytes, a hash of its whole name, and the suffix: two long tables that begin
 * alike still get names of their own.
 */
export function derivedName(table: string, suffix: string): string {
  return fit(table, `_${suffix}`);
}

function channelName(schema: string, table: string): string {
  // The length keeps ("a_b", "c") and ("a", "b_c") apart.
  return fit(schema === "public" ? `pqrun_${table}` : `pqrun_${schema.length}_${schema}_${table}`, "");
}

function fit(stem: string, tail: string): string {
  if (byteLength(stem + tail) <= MAX_NAME_BYTES) return stem + tail;
  const end = `_${fnv1a(stem)}${tail}`;
  let start = "";
  for (const character of stem) {
    if (byteLength(start + character + end) > MAX_NAME_BYTES) break;
    start += character;
  }
  return start + end;
}

function checkName(field: string, name: unknown): void {
  const expected = `a name of 1 to ${MAX_NAME_BYTES} bytes without control characters`;
  if (typeof name !== "string") throw new InvalidInputError(field, expected, name);
  const hostile = /\p{Cc}/u.test(name) || !name.isWellFormed();
  if (name === "" || hostile || byteLength(name) > MAX_NAME_BYTES) {
    throw new InvalidInputError(field, expected, name);
  }
}

/** FNV-1a, 64 bits: short, synchronous on every runtime, and not a matter of security here. */
function fnv1a(text: string): string {
  let hash = 0xcbf29ce484222325n;
  for (const byte of utf8.encode(text)) {
    hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n);
  }
  return hash.toString(16).padStart(16, "0");
}
