import type { SqlExecutor } from "../../core/executor.ts";
import type { TableNames, TableOptions } from "../../core/sql/table-names.ts";
import type { PgJobStore } from "../../core/store.ts";
import type { CliIo } from "../command.ts";

/** Something that an operator should know. */
export interface Finding {
  /** What was looked at, in a word or two. */
  readonly check: string;
  /** A `problem` makes the doctor end in 3; a `hint` may well be on purpose. */
  readonly severity: "problem" | "hint";
  readonly what: string;
  /** The statement or command that cures it; null where there is no single one. */
  readonly cure: string | null;
}

/** What a check may look at. */
export interface Patient {
  readonly io: CliIo;
  readonly store: PgJobStore;
  readonly executor: SqlExecutor;
  readonly table: TableOptions;
  readonly names: TableNames;
  /** The options that name this table to a command: ` --schema s --table t`, or nothing. */
  readonly named: string;
}

/** One look. What it throws is said, and makes no finding. */
export type Check = (patient: Patient) => Promise<readonly Finding[]>;

/** Rows of a read, each cell as text or null; a name for each column, or a driver keeps one of those without. */
export async function rowsOf(
  executor: SqlExecutor,
  text: string,
  params: readonly (string | null)[] = [],
): Promise<readonly (readonly (string | null)[])[]> {
  const rows = await executor.query(text, params);
  return rows.map((row) => Object.values(row).map((cell) => (typeof cell === "string" ? cell : null)));
}
