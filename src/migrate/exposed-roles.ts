import type { SqlExecutor } from "../core/executor.ts";

/** The roles of Supabase's and PostgREST's public API, and the one that stands for everybody. */
const EXPOSED = `
SELECT pg_catalog.string_agg(DISTINCT r.name, ', ' ORDER BY r.name)
  FROM (SELECT 'PUBLIC' AS name
          FROM pg_catalog.pg_class c, pg_catalog.aclexplode(c.relacl) a
         WHERE c.oid = pg_catalog.to_regclass($1::text) AND a.grantee = 0
           AND a.privilege_type IN ('SELECT', 'INSERT', 'UPDATE', 'DELETE')
         UNION
        SELECT o.rolname::text
          FROM pg_catalog.pg_roles o
         WHERE o.rolname IN ('anon', 'authenticated') AND pg_catalog.to_regclass($1::text) IS NOT NULL
           AND pg_catalog.has_table_privilege(o.oid, pg_catalog.to_regclass($1::text), 'SELECT, INSERT, UPDATE, DELETE')
           -- Row level security without a policy shows such a role nothing.
           AND NOT EXISTS (SELECT FROM pg_catalog.pg_class c
                            WHERE c.oid = pg_catalog.to_regclass($1::text) AND c.relrowsecurity
                              AND NOT EXISTS (SELECT FROM pg_catalog.pg_policy p WHERE p.polrelid = c.oid))) r`;

/** Who may read or write a table of the queue's although nobody granted it on purpose, as a warning; undefined where it is nobody. */
export async function exposedRoles(
  executor: SqlExecutor,
  table: string,
  signal?: AbortSignal,
): Promise<string | undefined> {
  const [row] = await executor.query(EXPOSED, [table], { signal });
  const [roles] = Object.values(row ?? {});
  if (typeof roles !== "string") return undefined;
  return (
    `${roles} may read or write ${table}: where a public API serves this schema, so may anybody. ` +
    `REVOKE ALL ON ${table} FROM ${roles}; or choose another schema with --schema`
  );
}
