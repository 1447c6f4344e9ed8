/** A stand-in for Neon's proxy, not Neon: its `/sql` over HTTP and its `/v2` WebSocket, over a real PostgreSQL. */
import { once } from "node:events";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import { connect, type AddressInfo } from "node:net";
import { json } from "node:stream/consumers";

import { Client, type Pool, type PoolClient, type QueryArrayConfig } from "pg";
import { WebSocketServer, type WebSocket } from "ws";

import { testPool } from "./pool.ts";

/** The stand-in, and what to tell `neonConfig` of it. */
export interface NeonStandIn extends AsyncDisposable {
  readonly fetchEndpoint: string;
  /** `host:port/v2`; as text, so that the driver appends the address of the server. */
  readonly wsProxy: string;
  /** How many requests came over HTTP. */
  readonly requests: number;
  /** How many of them are not yet over, in the database too. */
  readonly pending: number;
}

interface NeonQuery {
  readonly query: string;
  readonly params: (string | null)[];
}

/** Starts it on a free port. It connects to whatever the client's connection string says. */
export async function neonStandIn(): Promise<NeonStandIn> {
  const pools = new Map<string, Pool>();
  let requests = 0;
  let pending = 0;
  const server = createServer((request, response) => {
    requests += 1;
    pending += 1;
    const pool = poolOf(pools, String(request.headers["neon-connection-string"]));
    void answer(pool, request, response).finally(() => (pending -= 1));
  });
  const sockets = new WebSocketServer({ server, path: "/v2" });
  sockets.on("connection", pipeToPostgres);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return {
    fetchEndpoint: `http://127.0.0.1:${port}/sql`,
    wsProxy: `127.0.0.1:${port}/v2`,
    get requests() {
      return requests;
    },
    get pending() {
      return pending;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all([...sockets.clients].map(closed));
      server.close();
      server.closeAllConnections();
      await Promise.all([...pools.values()].map((pool) => pool.end()));
    },
  };
}

function poolOf(pools: Map<string, Pool>, connectionString: string): Pool {
  const known = pools.get(connectionString);
  if (known !== undefined) return known;
  const pool = testPool(connectionString, { max: 20 });
  pools.set(connectionString, pool);
  return pool;
}

async function answer(pool: Pool, request: IncomingMessage, response: ServerResponse): Promise<void> {
  const body = await bodyOf(request);
  if (body === undefined) return;
  const client = await pool.connect().catch((error: unknown) => {
    // No SQLSTATE comes with it: to the driver it is no answer of PostgreSQL's.
    response.writeHead(500).end(error instanceof Error ? error.message : undefined);
  });
  if (client === undefined) return;
  let cancelled = Promise.resolve();
  // An aborted request cancels its statement.
  response.once("close", () => {
    // Where the server has gone, so has the statement.
    if (!response.writableFinished) cancelled = cancel(client).catch(() => undefined);
  });
  try {
    const answers =
      "queries" in body
        ? { results: await inTransaction(client, beginText(request), body.queries) }
        : await run(client, body);
    reply(response, 200, answers);
  } catch (error) {
    reply(response, 400, errorBody(error));
  } finally {
    // It must not meet the next request's statement.
    await cancelled;
    // A session's state never outlives a request.
    await client.query("DISCARD ALL").then(
      () => client.release(),
      () => client.release(true),
    );
  }
}

type NeonBody = NeonQuery | { readonly queries: readonly NeonQuery[] };

/** Undefined where the request broke off. */
async function bodyOf(request: IncomingMessage): Promise<NeonBody | undefined> {
  try {
    return (await json(request)) as NeonBody;
  } catch {
    return undefined;
  }
}

function beginText({ headers }: IncomingMessage): string {
  const level = headers["neon-batch-isolation-level"];
  const words = typeof level === "string" ? level.replaceAll(/(?<=[a-z])(?=[A-Z])/g, " ") : undefined;
  return [
    "BEGIN",
    ...(words === undefined ? [] : [`ISOLATION LEVEL ${words}`]),
    ...(headers["neon-batch-read-only"] === "true" ? ["READ ONLY"] : []),
    ...(headers["neon-batch-deferrable"] === "true" ? ["DEFERRABLE"] : []),
  ].join(" ");
}

async function inTransaction(
  client: PoolClient,
  begin: string,
  queries: readonly NeonQuery[],
): Promise<object[]> {
  await client.query(begin);
  try {
    const results = [];
    for (const query of queries) results.push(await run(client, query));
    await client.query("COMMIT");
    return results;
  } catch (error) {
    await client.query("ROLLBACK");
    throw error;
  }
}

async function run(client: PoolClient, { query, params }: NeonQuery): Promise<object> {
  const config: QueryArrayConfig<unknown[]> & { queryMode: "extended" } = {
    text: query,
    values: params,
    rowMode: "array",
    queryMode: "extended",
    types: { getTypeParser: () => (text: unknown) => text },
  };
  const { command, rowCount, fields, rows } = await client.query(config);
  return {
    command,
    rowCount,
    rows,
    rowAsArray: true,
    fields: fields.map(({ name, dataTypeID }) => ({ name, dataTypeID })),
  };
}

async function cancel(client: PoolClient): Promise<void> {
  const { processID, connectionParameters } = client as PoolClient & {
    readonly processID: number;
    readonly connectionParameters: {
      host: string;
      port: number;
      user: string;
      password: string;
      database: string;
    };
  };
  const { host, port, user, password, database } = connectionParameters;
  const other = new Client({ host, port, user, password, database });
  other.on("error", () => undefined);
  await other.connect();
  await other.query("SELECT pg_cancel_backend($1)", [processID]).finally(() => other.end());
}

function errorBody(error: unknown): object {
  if (!(error instanceof Error)) return { message: String(error) };
  return { message: error.message, ...Object.fromEntries(Object.entries(error)) };
}

function reply(response: ServerResponse, status: number, body: object): void {
  response.writeHead(status, { "content-type": "application/json" }).end(JSON.stringify(body));
}

/** A driver that is just closing its socket takes any other end for an error. */
async function closed(socket: WebSocket): Promise<void> {
  const end = once(socket, "close");
  socket.close();
  await end;
}

function pipeToPostgres(socket: WebSocket, request: IncomingMessage): void {
  const address = new URL(request.url ?? "", "http://localhost").searchParams.get("address") ?? "";
  const [, host, port] = /^(.*):(\d+)$/.exec(address) ?? [];
  const tcp = connect({ host: host ?? "", port: Number(port) });
  socket.on("message", (data: Buffer) => tcp.write(data));
  socket.on("close", () => tcp.destroy());
  socket.on("error", () => tcp.destroy());
  tcp.on("data", (data) => {
    socket.send(data);
  });
  tcp.on("close", () => {
    socket.close();
  });
  tcp.on("error", () => {
    socket.close();
  });
}
