/** The drivers as an application has them, through a proxy that can swallow all they say. */
import { neon, neonConfig } from "@neondatabase/serverless";
import postgres from "postgres";
import { onTestFinished } from "vitest";

import { neonExecutor } from "../../../src/adapters/neon.ts";
import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../../src/core/executor.ts";
import { executor as ownExecutor } from "../../../src/core/make-executor.ts";
import { neonStandIn } from "../../support/neon-stand-in.ts";
import { testPool } from "../../support/pool.ts";
import { openTcpProxy, type TcpProxy } from "../../support/tcp-proxy.ts";

/** A driver, and the proxy that all of its connections go through. */
export interface ProxiedDriver {
  readonly executor: SqlExecutor;
  readonly proxy: TcpProxy;
}

/** How to open each, closed again when the test has finished. */
export const PROXIED: Readonly<Record<string, (url: string) => Promise<ProxiedDriver>>> = {
  pg: async (url) => {
    const proxy = await proxyTo(url);
    const pool = testPool(through(url, proxy), { max: 3 });
    onTestFinished(() => void pool.end());
    return { executor: withoutTx(pgExecutor(pool)), proxy };
  },
  "postgres.js": (url) => postgresOf(url, 3),
  "postgres.js with one connection": (url) => postgresOf(url, 1),
  "Neon HTTP": async (url) => {
    const standIn = await neonStandIn();
    onTestFinished(() => standIn[Symbol.asyncDispose]());
    const proxy = await proxyTo(standIn.fetchEndpoint);
    neonConfig.fetchEndpoint = `http://127.0.0.1:${proxy.port}/sql`;
    return { executor: neonExecutor(neon(url)), proxy };
  },
};

async function postgresOf(url: string, max: number): Promise<ProxiedDriver> {
  const proxy = await proxyTo(url);
  const sql = postgres(through(url, proxy), { max, fetch_types: false });
  onTestFinished(() => sql.end({ timeout: 0 }));
  return { executor: withoutTx(postgresExecutor(sql)), proxy };
}

/** What a worker and a drain need of it. */
function withoutTx<Tx>(executor: SqlExecutor<Tx>): SqlExecutor {
  return ownExecutor({
    query: executor.query.bind(executor),
    listen: (channel, callbacks) =>
      executor.listen?.(channel, callbacks) ?? Promise.reject(new Error("it has no LISTEN")),
    outlivesRequest: true,
  });
}

async function proxyTo(url: string): Promise<TcpProxy> {
  const { hostname, port } = new URL(url);
  const proxy = await openTcpProxy({ host: hostname, port: Number(port) });
  onTestFinished(() => proxy.close());
  return proxy;
}

function through(url: string, { port }: TcpProxy): string {
  const proxied = new URL(url);
  proxied.hostname = "127.0.0.1";
  proxied.port = String(port);
  return proxied.href;
}
