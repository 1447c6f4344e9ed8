import { readFileSync } from "node:fs";
import { join } from "node:path";

import { derivedName, quoteLiteral, quoteName, tableNames } from "../core/sql/table-names.ts";
import type { TableOptions } from "../core/sql/table-names.ts";
import { packageRoot } from "./package-root.ts";

/** The files of `sql/patterns`, without their ending. */
export const PATTERNS = ["archive", "cleanup", "enqueue", "monitoring", "python-guard", "roles"] as const;

/** One of {@link PATTERNS}. */
export type Pattern = (typeof PATTERNS)[number];

/** A name of the queue's: in a literal, after its schema, that of the guard's trigger, or the schema alone. */
const NAMES = /'public\.(jobs\w*)'|\bpublic\.(jobs\w*)|\bjobs_python_guard\b|\bSCHEMA public\b|\$\$/g;

/** A file of `sql/patterns` for one table, as text for psql. @throws InvalidInputError for a name that PostgreSQL can't hold. */
export function renderPattern(pattern: Pattern, options: TableOptions = {}): string {
  const text = readFileSync(join(packageRoot(), "sql/patterns", `${pattern}.sql`), "utf8");
  const { schema, table } = tableNames(options);
  // As they stand: who compares a printed file with the package's sees no difference.
  if (schema === "public" && table === "jobs") return text;
  const qualified = (name: string): string => `${quoteName(schema)}.${quoteName(nameFor(table, name))}`;
  const quotes = dollarQuotes(schema + table);
  return text.replace(NAMES, (found: string, literal?: string, name?: string) => {
    if (literal !== undefined) return quoteLiteral(qualified(literal)).trimStart();
    if (name !== undefined) return qualified(name);
    if (found === "$$") return quotes;
    return found.startsWith("SCHEMA") ? `SCHEMA ${quoteName(schema)}` : quoteName(nameFor(table, found));
  });
}

function nameFor(table: string, name: string): string {
  if (name === "jobs") return table;
  return name === "jobs_id_seq" ? sequenceName(table) : derivedName(table, name.slice("jobs_".length));
}

/** As PostgreSQL names the sequence of a column `id`: the table's name is cut at a character's end. */
function sequenceName(table: string): string {
  let start = "";
  for (const character of table) {
    if (Buffer.byteLength(`${start}${character}_id_seq`) > 63) break;
    start += character;
  }
  return `${start}_id_seq`;
}

/** What a name with dollars in it does not end. */
function dollarQuotes(names: string): string {
  let quotes = "$$";
  for (let n = 1; names.includes(quotes); n += 1) quotes = `$q${n}$`;
  return quotes;
}
