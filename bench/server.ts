import pg from "pg";

import { startEmbeddedPostgres, type EmbeddedServer } from "../test/support/postgres-embedded.ts";
import { binariesOf } from "../test/support/postgres-releases.ts";

/** The server's settings that are not PostgreSQL's own defaults: durable, and with no checkpoint inside a short run. */
export const SERVER_SETTINGS = {
  fsync: "on",
  full_page_writes: "on",
  synchronous_commit: "on",
  shared_buffers: "1GB",
  max_wal_size: "8GB",
  checkpoint_timeout: "30min",
  max_connections: "400",
  shared_preload_libraries: "pg_stat_statements",
  "pg_stat_statements.track": "none",
} as const;

/** The one server that all systems share. */
export interface BenchServer extends EmbeddedServer {
  readonly version: string;
  /** The URL of one of its databases. */
  database(name: string): string;
}

/** Starts a PostgreSQL of the benchmark's own. */
export async function startServer(major: string): Promise<BenchServer> {
  const server = await startEmbeddedPostgres(await binariesOf(major), SERVER_SETTINGS);
  await queryOnce(server.url, "CREATE EXTENSION pg_stat_statements");
  const [row] = await queryOnce(server.url, "SHOW server_version");
  return {
    ...server,
    version: String(row?.["server_version"]),
    database: (name) => {
      const url = new URL(server.url);
      url.pathname = `/${name}`;
      return url.href;
    },
  };
}

/** Runs one statement over a connection of its own. */
export async function queryOnce(
  url: string,
  text: string,
  params: readonly unknown[] = [],
): Promise<Record<string, unknown>[]> {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text, [...params])).rows;
  } finally {
    await client.end();
  }
}
