import { tableNames, type TableOptions } from "../../core/sql/table-names.ts";
import { printable } from "./printable.ts";

/** `schema.table`, for people. */
export function tableTitle(options: TableOptions): string {
  const { schema, table } = tableNames(options);
  return printable(`${schema}.${table}`);
}
