import type { SqlRow } from "../../src/core/executor.ts";

/** A row's values in column order. */
export function cellsOf(row: SqlRow | undefined): readonly unknown[] {
  return Object.values(row ?? {});
}

/** Rows as lists of values. */
export function valuesOf(rows: readonly SqlRow[]): readonly (readonly unknown[])[] {
  return rows.map(cellsOf);
}
