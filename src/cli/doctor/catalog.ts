import type { SqlExecutor } from "../../core/executor.ts";
import type { TableNames } from "../../core/sql/table-names.ts";
import { rowsOf } from "./finding.ts";

/** What a table consists of: `column payload` to how it is defined, without its schema's name. */
export type Catalog = ReadonlyMap<string, string>;

/** `$1` to `$4` the table, that of waiting workers, that of schedules, that of steps; `$5` the enum. */
const CATALOG = `
WITH tables AS (SELECT c.oid, c.reloptions, n.nspname
                  FROM pg_catalog.unnest(ARRAY[$1::text, $2::text, $3::text, $4::text]) t (name)
                  JOIN pg_catalog.pg_class c ON c.oid = pg_catalog.to_regclass(t.name)
                  JOIN pg_catalog.pg_namespace n ON n.oid = c.relnamespace)
SELECT 'column' AS a, a.attrelid::pg_catalog.regclass::text || '.' || a.attname AS b,
       pg_catalog.concat_ws(' ', pg_catalog.format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'NOT NULL' END,
         'DEFAULT ' || pg_catalog.pg_get_expr(d.adbin, d.adrelid), CASE WHEN a.attidentity <> '' THEN 'IDENTITY' END) AS c
  FROM tables t JOIN pg_catalog.pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped
  LEFT JOIN pg_catalog.pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 UNION ALL
SELECT 'index', i.indexrelid::pg_catalog.regclass::text,
       CASE WHEN i.indisvalid THEN pg_catalog.pg_get_indexdef(i.indexrelid) ELSE 'INVALID' END
  FROM tables t JOIN pg_catalog.pg_index i ON i.indrelid = t.oid
 UNION ALL
SELECT 'trigger', g.tgrelid::pg_catalog.regclass::text || '.' || g.tgname,
       pg_catalog.pg_get_triggerdef(g.oid) || CASE WHEN g.tgenabled = 'D' THEN ' DISABLED' ELSE '' END
  FROM tables t JOIN pg_catalog.pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
 UNION ALL
SELECT 'setting', t.oid::pg_catalog.regclass::text || '.' || o.option_name, o.option_value
  FROM tables t CROSS JOIN LATERAL pg_catalog.pg_options_to_table(t.reloptions) o
 UNION ALL
SELECT 'state', e.enumlabel::text, ''
  FROM pg_catalog.pg_enum e WHERE e.enumtypid = pg_catalog.to_regtype($5::text)`;

/** Reads with an empty search_path, so that each name has its schema, which is then taken out. */
export async function readCatalog(tx: SqlExecutor, names: TableNames): Promise<Catalog> {
  const { jobs, waiting, schedules, steps, statusType, schema } = names;
  await tx.query("SELECT pg_catalog.set_config('search_path', 'pg_catalog', true)", []);
  const rows = await rowsOf(tx, CATALOG, [jobs, waiting, schedules, steps, statusType]);
  const [[quoted = schema] = []] = await rowsOf(tx, "SELECT pg_catalog.quote_ident($1::text)", [schema]);
  const bare = (text: string | null | undefined): string =>
    (text ?? "").replaceAll(`${quoted ?? schema}.`, "");
  return new Map(rows.map(([kind, name, definition]) => [`${kind ?? ""} ${bare(name)}`, bare(definition)]));
}
