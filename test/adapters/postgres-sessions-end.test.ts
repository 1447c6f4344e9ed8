import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import postgres from "postgres";
import { expect, test } from "vitest";

import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import { freshDatabase } from "../support/postgres.ts";

const CONNECTIONS = 8;
/** Fewer callers than connections, so that some are idle when all end. */
const CALLERS = 3;

test("when all sessions end at once, what is sent again at once breaks no connection for good", async () => {
  await using database = await freshDatabase();
  const url = new URL(database.url);
  const server = { host: url.hostname, port: Number(url.port) };
  const open = new Set<Socket>();
  const proxy = createServer((client) => {
    const upstream = connect(server);
    open.add(client);
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      one.pipe(other);
      one.on("error", () => undefined);
      one.on("close", () => {
        other.destroy();
        open.delete(one);
      });
    }
  }).listen(0, "127.0.0.1");
  await once(proxy, "listening");
  url.port = String((proxy.address() as AddressInfo).port);
  const sql = postgres(url.href, { max: CONNECTIONS, connect_timeout: 20, onnotice: () => undefined });
  const executor = postgresExecutor(sql);

  const failures: unknown[] = [];
  let stopped = false;
  const call = async (): Promise<void> => {
    while (!stopped) {
      await executor.query("SELECT 1 AS a", []).catch((error: unknown) => {
        failures.push((error as { readonly code?: unknown }).code);
      });
    }
  };
  const callers = Array.from({ length: CALLERS }, call);
  const all = async (): Promise<void> => {
    await Promise.allSettled(Array.from({ length: CONNECTIONS }, () => sql`SELECT pg_sleep(0.02)`));
  };
  for (let round = 0; round < 8; round += 1) {
    await all();
    const before = failures.length;
    // As a server's own, an end and no reset.
    for (const socket of open) socket.end();
    await expect.poll(() => failures.length).toBeGreaterThan(before);
  }
  stopped = true;
  await Promise.all(callers);
  // A broken connection never sends its first message: it is given up after `connect_timeout`, each time.
  expect(failures).not.toContain("CONNECT_TIMEOUT");
  await sql.end({ timeout: 0 });
  proxy.close();
});
