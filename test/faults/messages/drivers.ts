/** The drivers, each through a proxy that can cut its connection. */
import { neon, neonConfig } from "@neondatabase/serverless";
import postgres from "postgres";

import { neonExecutor } from "../../../src/adapters/neon.ts";
import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../../src/adapters/postgres/postgres.ts";
import type { SqlExecutor } from "../../../src/core/executor.ts";
import { executor as ownExecutor } from "../../../src/core/make-executor.ts";
import { neonStandIn } from "../../support/neon-stand-in.ts";
import { testPool } from "../../support/pool.ts";
import { HTTP, POSTGRES } from "./framing.ts";
import { openMessageProxy, type MessageProxy, type Trace } from "./message-proxy.ts";

/** How the server knows the sessions of a driver that is cut. */
export const CUT_NAME = "cut";

/** A driver with one connection, behind its proxy. */
export interface CutDriver extends AsyncDisposable {
  readonly proxy: MessageProxy;
  readonly executor: SqlExecutor;
  /** Whether a server cancels what it runs for a client that is gone. */
  readonly cancels: boolean;
  /** Whether all that reached the server has ended there, asked of a session that nobody cuts. */
  isQuiet(trace: Trace, sessions: () => Promise<number>): Promise<boolean>;
}

/** How to open one. */
export type OpenDriver = (url: string) => Promise<CutDriver>;

/** The drivers by name. What is prepared has been prepared before: its messages are fewer. */
export const DRIVERS = {
  pg: (url) => openPg(url, false),
  "pg, prepared": (url) => openPg(url, true),
  "postgres.js": (url) => openPostgres(url, false),
  "postgres.js, prepared": (url) => openPostgres(url, true),
  "Neon HTTP": openNeon,
} as const satisfies Record<string, OpenDriver>;

/** The name of a driver. */
export type DriverName = keyof typeof DRIVERS;

async function openPg(url: string, prepare: boolean): Promise<CutDriver> {
  const proxy = await proxyOf(url);
  const pool = testPool(through(url, proxy), { max: 1, application_name: CUT_NAME });
  return session(proxy, pgExecutor(pool, { prepare }), () => pool.end());
}

async function openPostgres(url: string, prepare: boolean): Promise<CutDriver> {
  const proxy = await proxyOf(url);
  const sql = postgres(through(url, proxy), {
    max: 1,
    fetch_types: false,
    connection: { application_name: CUT_NAME },
  });
  return session(proxy, postgresExecutor(sql, { prepare }), () => sql.end({ timeout: 0 }));
}

/** Without LISTEN, so that a worker sends its turns alone. */
function session<Tx>(proxy: MessageProxy, executor: SqlExecutor<Tx>, end: () => Promise<unknown>): CutDriver {
  return {
    proxy,
    executor: ownExecutor({ query: executor.query.bind(executor), outlivesRequest: true }),
    cancels: false,
    isQuiet: async ({ cutAt }, sessions) => cutAt === undefined || (await sessions()) === 0,
    async [Symbol.asyncDispose]() {
      await end();
      await proxy.close();
    },
  };
}

async function openNeon(url: string): Promise<CutDriver> {
  const standIn = await neonStandIn();
  const { hostname, port } = new URL(standIn.fetchEndpoint);
  const proxy = await openMessageProxy({ host: hostname, port: Number(port) }, HTTP);
  neonConfig.fetchEndpoint = `http://127.0.0.1:${proxy.port}/sql`;
  const before = new WeakMap<Trace, number>();
  const arm = proxy.arm.bind(proxy);
  return {
    proxy: Object.assign(proxy, {
      arm: (...cut: Parameters<MessageProxy["arm"]>) => {
        const trace = arm(...cut);
        before.set(trace, standIn.requests);
        return trace;
      },
    }),
    executor: neonExecutor(neon(url)),
    cancels: true,
    isQuiet: (trace) =>
      Promise.resolve(standIn.requests - (before.get(trace) ?? 0) >= trace.runs && standIn.pending === 0),
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await standIn[Symbol.asyncDispose]();
    },
  };
}

function proxyOf(url: string): Promise<MessageProxy> {
  const { hostname, port } = new URL(url);
  return openMessageProxy({ host: hostname, port: Number(port) }, POSTGRES);
}

function through(url: string, { port }: MessageProxy): string {
  const proxied = new URL(url);
  proxied.hostname = "127.0.0.1";
  proxied.port = String(port);
  return proxied.href;
}
