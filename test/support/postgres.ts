import { randomUUID } from "node:crypto";

import { Client } from "pg";
import { inject } from "vitest";

/** A database that a test has to itself. */
export interface TestDatabase {
  /** For any driver: the server's URL with this database's name. */
  readonly url: string;
  /** Ends every session in it and removes it; a second call does nothing. */
  drop(): Promise<void>;
  [Symbol.asyncDispose](): Promise<void>;
}

/** An empty database on the tests' server, under a name of its own. */
export async function freshDatabase(): Promise<TestDatabase> {
  const name = `pqrun_${randomUUID().replaceAll("-", "")}`;
  await onServer((client) => client.query(`CREATE DATABASE ${name}`));
  let dropped: Promise<void> | undefined;
  const drop = (): Promise<void> => (dropped ??= dropDatabase(name));
  return { url: withDatabase(inject("databaseUrl"), name), drop, [Symbol.asyncDispose]: drop };
}

/** Runs `work` with a connected client of that database, and closes it. */
export async function withClient<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url });
  // A server that is killed between two statements is told by the second.
  client.on("error", () => undefined);
  await client.connect();
  try {
    return await work(client);
  } finally {
    await client.end();
  }
}

/** The tests' server's major version, for what an old one cannot do. */
export function serverMajor(): Promise<number> {
  return onServer(async (client) => {
    const { rows } = await client.query<{ n: number }>(
      "SELECT current_setting('server_version_num')::int AS n",
    );
    return Math.floor((rows[0]?.n ?? 0) / 10_000);
  });
}

function onServer<T>(work: (client: Client) => Promise<T>): Promise<T> {
  return withClient(inject("databaseUrl"), work);
}

async function dropDatabase(name: string): Promise<void> {
  await onServer(async (client) => {
    // PostgreSQL 12 has no WITH (FORCE): new sessions are locked out before the old ones are ended.
    await client.query(`ALTER DATABASE ${name} ALLOW_CONNECTIONS false`);
    await client.query("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = $1", [name]);
    await client.query(`DROP DATABASE IF EXISTS ${name}`);
  });
}

function withDatabase(serverUrl: string, name: string): string {
  const url = new URL(serverUrl);
  url.pathname = `/${name}`;
  return url.href;
}
