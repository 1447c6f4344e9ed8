import { tableNames, type TableOptions } from "../core/identifiers.ts";
import { printable } from "./printable.ts";

/** `schema.table`, for people. */
export function tableTitle(options: TableOptions): string {
  const { schema, table } = tableNames(options);
  return printable(`${schema}.${table}`);
}
