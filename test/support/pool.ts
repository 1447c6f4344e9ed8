import { Pool, type PoolConfig } from "pg";

/**
 * A pool for tests, which kill sessions and drop databases under it. A client
 * that is just closing belongs to no pool any more, and what the server tells
 * it last would be an error that nobody hears: so each has a listener.
 */
export function testPool(connectionString: string, options: PoolConfig = {}): Pool {
  const pool = new Pool({ connectionString, ...options });
  pool.on("error", () => undefined);
  pool.on("connect", (client) => {
    client.on("error", () => undefined);
  });
  return pool;
}
