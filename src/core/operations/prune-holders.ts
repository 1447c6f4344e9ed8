import type { SqlRow } from "../executor.ts";
import { quoteLiteral } from "../sql/table-names.ts";
import type { TableNames } from "../sql/table-names.ts";
import { cells } from "../job.ts";

/**
 * What holds finished jobs: for each foreign key to the table a condition that
 * is true of a job `j` which it keeps from being deleted. The server quotes the
 * names. A key of a table that the role may not read is left out: PostgreSQL
 * then refuses the prune (23503), as it does without this.
 */
export const holdersText = ({ jobs }: TableNames): string => `
SELECT format('EXISTS (SELECT 1 FROM %I.%I h WHERE %s)', n.nspname, c.relname,
              (SELECT string_agg(format('h.%I = j.%I', own.attname, held.attname), ' AND ')
                 FROM unnest(f.conkey, f.confkey) AS k(own, held)
                 JOIN pg_attribute own ON own.attrelid = f.conrelid AND own.attnum = k.own
                 JOIN pg_attribute held ON held.attrelid = f.confrelid AND held.attnum = k.held)) AS condition
  FROM pg_constraint f
  JOIN pg_class c ON c.oid = f.conrelid
  JOIN pg_namespace n ON n.oid = c.relnamespace
 WHERE f.confrelid = ${quoteLiteral(jobs)}::regclass
   -- NO ACTION and RESTRICT hold a job; the others change the row that refers to it. A partition's key is its parent's.
   AND f.confdeltype IN ('a', 'r') AND f.conparentid = 0
   AND has_schema_privilege(n.oid, 'USAGE') AND has_table_privilege(c.oid, 'SELECT')`;

/** Reads the conditions. */
export function readHolders(rows: readonly SqlRow[]): readonly string[] {
  return rows.map((row) => cells(row)[0] ?? "false");
}
