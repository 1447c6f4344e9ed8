import { queryOnce, type BenchServer } from "../server.ts";
import { COUNT } from "../systems/system.ts";

const COUNTED = `
  SELECT coalesce(sum(s.calls), 0) AS calls
    FROM pg_stat_statements s JOIN pg_database d ON d.oid = s.dbid
   WHERE d.datname = $1 AND s.toplevel AND s.query NOT LIKE '%${COUNT}%'
     AND s.query !~* '^(BEGIN|COMMIT|ROLLBACK|START)'`;

/**
 * Has the server count a database's statements from now on, for connections
 * made later; the answer tells how many there were. BEGIN and COMMIT, and the
 * benchmark's own, are left out.
 */
export async function trackStatements(url: string, server: BenchServer): Promise<() => Promise<number>> {
  const name = new URL(url).pathname.slice(1);
  await queryOnce(server.url, `ALTER DATABASE ${name} SET pg_stat_statements.track = 'top'`);
  return async () => {
    const [row] = await queryOnce(server.url, COUNTED, [name]);
    return Number(row?.["calls"]);
  };
}
