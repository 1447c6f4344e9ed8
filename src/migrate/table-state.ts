import type { SqlExecutor } from "../core/executor.ts";
import { tableNames, type TableOptions } from "../core/sql/table-names.ts";
import { sqlState } from "../core/sql/sql-state.ts";
import type { QueueIndex } from "./migrations.ts";

/** What the catalogs say of a table. */
export interface TableState {
  readonly exists: boolean;
  /** Columns, storage parameters and triggers: two that are equal are the same table. */
  readonly shape: string;
  /** Every index on the table: its name, unquoted, and whether it is valid. */
  readonly indexes: ReadonlyMap<string, boolean>;
  /** The backend that builds an index of the table, or vacuums it by hand. */
  readonly builder: string | undefined;
}

const SHAPE = `
SELECT c.oid::text,
       pg_catalog.concat_ws(' ', c.relnatts, pg_catalog.array_to_string(c.reloptions, ','),
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid),
         (SELECT pg_catalog.count(*) FROM pg_catalog.pg_attrdef d WHERE d.adrelid = c.oid)),
       (SELECT pg_catalog.max(l.pid)::text
          FROM pg_catalog.pg_locks l
          LEFT JOIN pg_catalog.pg_stat_activity a ON a.pid = l.pid
         WHERE l.relation = c.oid AND l.mode = 'ShareUpdateExclusiveLock'
           AND l.database = (SELECT oid FROM pg_catalog.pg_database WHERE datname = pg_catalog.current_database())
           -- Autovacuum holds it too, and gives way to a build.
           AND a.backend_type IS DISTINCT FROM 'autovacuum worker')
  FROM pg_catalog.pg_class c
 WHERE c.oid = pg_catalog.to_regclass($1::text)`;

const INDEXES = `
SELECT c.relname::text, i.indisvalid::text
  FROM pg_catalog.pg_index i JOIN pg_catalog.pg_class c ON c.oid = i.indexrelid
 WHERE i.indrelid = pg_catalog.to_regclass($1::text)
 ORDER BY i.indexrelid`;

/** The state of a table now, in two short statements. */
export async function tableState(
  executor: SqlExecutor,
  options: TableOptions,
  signal?: AbortSignal,
): Promise<TableState> {
  const { jobs } = tableNames(options);
  const [row] = await executor.query(SHAPE, [jobs], { signal, own: true });
  const indexes = await executor.query(INDEXES, [jobs], { signal, own: true });
  const [oid, shape, builder] = Object.values(row ?? {});
  return {
    exists: typeof oid === "string",
    shape: typeof shape === "string" ? shape : "",
    indexes: new Map(indexes.map((index) => readIndex(Object.values(index)))),
    builder: typeof builder === "string" ? builder : undefined,
  };
}

/**
 * Whether `ON CONFLICT` finds an index that does what a unique index is wanted
 * for, under whatever name. The server is asked by planning such an insert,
 * which writes nothing: the text of a predicate depends on the search_path.
 */
export async function conflictFindsIndex(
  executor: SqlExecutor,
  options: TableOptions,
  { keys }: QueueIndex,
  signal?: AbortSignal,
): Promise<boolean> {
  const insert = `INSERT INTO ${tableNames(options).jobs} (job_type) VALUES ('') ON CONFLICT ${keys} DO NOTHING`;
  try {
    await executor.query(`EXPLAIN ${insert}`, [], { signal });
    return true;
  } catch (error) {
    if (sqlState(error) === "42P10") return false;
    throw error;
  }
}

function readIndex([name, valid]: readonly unknown[]): [string, boolean] {
  return [String(name), valid === "true"];
}
