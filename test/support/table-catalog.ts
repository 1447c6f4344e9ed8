import type { TableDatabase } from "./table-database.ts";

/** All that the catalogs say of the user's own objects, but for what vacuum writes there. */
const CATALOG = `
SELECT 'relation' AS kind, format('%s %s %s %s', c.oid::regclass, c.relkind, c.relpersistence, c.reloptions) AS object
  FROM pg_class c WHERE c.relnamespace IN (SELECT oid FROM own)
UNION ALL
SELECT 'column', format('%s %s %s %s %s %s', a.attrelid::regclass, a.attnum, a.attname,
                        format_type(a.atttypid, a.atttypmod), a.attnotnull, pg_get_expr(d.adbin, d.adrelid))
  FROM pg_attribute a
  LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
 WHERE a.attrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM own)) AND a.attnum > 0
UNION ALL
SELECT 'index', pg_get_indexdef(i.indexrelid) || i.indisvalid
  FROM pg_index i WHERE i.indrelid IN (SELECT oid FROM pg_class WHERE relnamespace IN (SELECT oid FROM own))
UNION ALL
SELECT 'trigger', pg_get_triggerdef(t.oid) FROM pg_trigger t
UNION ALL
SELECT 'function', format('%s %s %s', p.oid::regprocedure, p.xmin, p.prosrc)
  FROM pg_proc p WHERE p.pronamespace IN (SELECT oid FROM own)
UNION ALL
SELECT 'type', format('%s %s', t.oid::regtype, t.typtype) FROM pg_type t WHERE t.typnamespace IN (SELECT oid FROM own)
UNION ALL
SELECT 'schema', nspname FROM own`;

const OWN =
  "WITH own AS (SELECT oid, nspname FROM pg_namespace WHERE nspname !~ '^pg_' AND nspname <> 'information_schema')";

/** Every object of the database's own, as one text each: equal lists mean that nothing was changed. */
export async function catalog(database: TableDatabase): Promise<unknown[]> {
  return database.rows(`${OWN} ${CATALOG} ORDER BY 1, 2`);
}

/** The indexes of a table, each with its definition; `invalid` goes first where it is that. */
export async function indexDefinitions(database: TableDatabase, table = "public.jobs"): Promise<string[]> {
  const rows = await database.rows(
    `SELECT concat(CASE WHEN NOT indisvalid THEN 'invalid ' END, pg_get_indexdef(indexrelid)) AS definition
       FROM pg_index WHERE indrelid = to_regclass($1) ORDER BY 1`,
    [table],
  );
  return rows.map(({ definition }) => String(definition));
}
