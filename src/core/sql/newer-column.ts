/** The columns that later versions have brought, and the types of what a table without them has in their place. */
const COLUMNS = {
  schedule: "text",
  scheduled_for: "timestamptz",
  errors: "jsonb",
  headers: "jsonb",
} as const;

/**
 * `read` of a column of `jobs j`, or of NULL where the table is of a version that had none such: the name is looked up
 * in the row first, and around it where the row has none.
 */
export function newerColumn(
  column: keyof typeof COLUMNS,
  read: (column: string) => string = (name) => name,
): string {
  return `(SELECT (SELECT ${read(column)} FROM (SELECT j.*) own) FROM (SELECT NULL::${COLUMNS[column]} AS ${column}) absent)`;
}
