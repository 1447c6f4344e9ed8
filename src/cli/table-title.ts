import { tableNames, type TableOptions } from "../core/identifiers.ts";

/** `schema.table`, for people. */
export function tableTitle(options: TableOptions): string {
  const { schema, table } = tableNames(options);
  return `${schema}.${table}`;
}
