import { createServer, type AddressInfo, type Server, type Socket } from "node:net";

import { neon, neonConfig } from "@neondatabase/serverless";
import { Client, Pool, type PoolConfig } from "pg";
import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** A server that does `act` with each connection. */
async function serverThat(act: (socket: Socket) => void): Promise<string> {
  const server: Server = createServer((socket) => {
    socket.on("error", () => undefined);
    act(socket);
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => {
    server.close();
  });
  return `postgres://u:p@127.0.0.1:${(server.address() as AddressInfo).port}/x`;
}

const silent = (): Promise<string> => serverThat(() => undefined);
const closing = (): Promise<string> => serverThat((socket) => socket.destroy());

function pooled(config: PoolConfig): SqlExecutor {
  const pool = new Pool(config);
  pool.on("error", () => undefined);
  onTestFinished(() => (pool.ended ? undefined : pool.end()));
  return pgExecutor(pool);
}

function throughPostgres(url: string, options: postgres.Options<Record<string, never>> = {}): SqlExecutor {
  const sql = postgres(url, options);
  onTestFinished(() => sql.end({ timeout: 0 }));
  return postgresExecutor(sql);
}

const NEVER_SENT: Readonly<Record<string, () => SqlExecutor | Promise<SqlExecutor>>> = {
  "pg, a server without TLS": () => pooled({ connectionString: queue.url, ssl: true }),
  "pg, a server that says nothing within connectionTimeoutMillis": async () =>
    pooled({ connectionString: await silent(), connectionTimeoutMillis: 200 }),
  "pg, a connection that is closed in the handshake": async () =>
    pooled({ connectionString: await closing() }),
  "pg, a pool without a free client within connectionTimeoutMillis": async () => {
    const pool = new Pool({ connectionString: queue.url, max: 1, connectionTimeoutMillis: 200 });
    const client = await pool.connect();
    onTestFinished(async () => {
      client.release();
      await pool.end();
    });
    return pgExecutor(pool);
  },
  "pg, a pool that was ended": async () => {
    const pool = new Pool({ connectionString: queue.url });
    await pool.end();
    return pgExecutor(pool);
  },
  "pg, a client that was ended": async () => {
    const client = new Client(queue.url);
    await client.connect();
    await client.end();
    return pgExecutor(client);
  },
  "pg, a client whose connection was lost": async () => {
    const client = new Client(queue.url);
    client.on("error", () => undefined);
    await client.connect();
    const ended = new Promise((resolve) => client.once("end", resolve));
    await client.query("SELECT pg_terminate_backend(pg_backend_pid())").catch(() => undefined);
    await ended;
    return pgExecutor(client);
  },
  "pg, a client that never was connected": async () => {
    const client = new Client({ connectionString: await closing() });
    client.on("error", () => undefined);
    client.connect().catch(() => undefined);
    return pgExecutor(client);
  },
  "postgres.js, a server without TLS": () => throughPostgres(queue.url, { ssl: "require" }),
  "postgres.js, a server that says nothing within connect_timeout": async () =>
    throughPostgres(await silent(), { connect_timeout: 1 }),
  "postgres.js, a client that was ended": async () => {
    const sql = postgres(queue.url);
    await sql.end();
    return postgresExecutor(sql);
  },
  "Neon, a URL that is none": () => neonExecutor(neon("postgres://u:p@0.0.0.0.1/x")),
  "Neon, a URL that makes no address": () => {
    neonConfig.fetchEndpoint = (host) => `https://${host}/sql`;
    return neonExecutor(neon("postgres://u:p@0.0.0.1/x"));
  },
};

test.for(Object.entries(NEVER_SENT))(
  "a statement that never left is no unknown outcome: %s",
  async ([, open]) => {
    const store = new PgJobStore(await open(), { logger: false });
    const error: unknown = await store.enqueue("a", {}).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(Error);
    expect((error as Error).name).not.toBe("UnknownOutcomeError");
    expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
  },
);
