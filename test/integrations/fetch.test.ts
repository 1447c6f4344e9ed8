import { afterAll, beforeEach, expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { LogFields, Logger } from "../../src/core/logger.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainRoute, type DrainRouteOptions } from "../../src/integrations/fetch.ts";
import { tableDatabase } from "../support/table-database.ts";

const database = await tableDatabase();
await database.migrate();
const store = new PgJobStore(pgExecutor(database.pool));
afterAll(() => database[Symbol.asyncDispose]());

const SECRET = "correct horse battery";
const PAYLOAD_SECRET = "the payload's own secret";

const logged: string[] = [];
const log = (message: string, fields?: LogFields): void => {
  logged.push(`${message} ${JSON.stringify(fields ?? {})}`);
};
const ignore = (): void => undefined;
const logger: Logger = { debug: ignore, info: ignore, warn: ignore, error: log };
beforeEach(async () => {
  logged.length = 0;
  await database.rows("TRUNCATE jobs");
});

const route = (options: Partial<DrainRouteOptions> = {}): ((request: Request) => Promise<Response>) =>
  drainRoute({ store, handlers: { a: () => "done" }, budgetMs: 10_000, secret: SECRET, logger, ...options });

function call(authorization?: string): Request {
  return new Request("https://app.example/api/drain", {
    headers: authorization === undefined ? {} : { authorization },
  });
}

async function refused(
  drain: (request: Request) => Promise<Response>,
  request: Request,
): Promise<readonly [number, unknown]> {
  await store.enqueue("a", {});
  const response = await drain(request);
  // Whatever was answered, nothing was run.
  expect(await database.rows("SELECT DISTINCT status, attempts FROM jobs")).toEqual([
    { status: "READY", attempts: 0 },
  ]);
  return [response.status, await response.json()];
}

test("the right secret drains, and the answer is the report", async () => {
  await store.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {} },
  ]);
  const response = await route()(call(`Bearer ${SECRET}`));
  expect(response.status).toBe(200);
  expect(response.headers.get("cache-control")).toBe("no-store");
  expect(await response.json()).toEqual({
    ...{
      done: 2,
      retried: 0,
      failed: 0,
      snoozed: 0,
      released: 0,
      continued: 0,
      lost: 0,
      cancelled: 0,
      reaped: 0,
    },
    ...{ unsettled: 0, pruned: 0, stoppedBy: "empty", more: false, nextDueInMs: null },
    ...{ statements: expect.any(Number) as number, elapsedMs: expect.any(Number) as number },
  });
});

test.each([
  undefined,
  "",
  SECRET,
  "Bearer",
  "Bearer ",
  "Bearer wrong",
  `Bearer ${SECRET}x`,
  `Bearer ${SECRET.slice(0, -1)}`,
  `Bearer ${SECRET.toUpperCase()}`,
  `Basic ${SECRET}`,
])("any other is answered 401 and no more, and runs nothing: %s", async (authorization) => {
  expect(await refused(route(), call(authorization))).toEqual([401, { error: "Unauthorized" }]);
});

test.each([undefined, "", "fifteen letters"])(
  "without a secret of 16 characters nobody gets in, not even with it: %s",
  async (secret) => {
    for (const configured of [secret, () => secret]) {
      const answer = await refused(route({ secret: configured }), call(`Bearer ${secret ?? ""}`));
      expect(answer).toEqual([500, { error: "Internal Server Error" }]);
    }
    expect(logged.join()).toContain("no secret of at least 16 characters");
  },
);

test("no answer holds a payload or an error's text", async () => {
  await store.enqueue("a", { text: PAYLOAD_SECRET });
  const handlers = {
    a: ({ payload }: { payload: unknown }): never => {
      throw new Error(JSON.stringify(payload));
    },
  };
  const response = await route({ handlers })(call(`Bearer ${SECRET}`));
  const text = await response.text();
  expect(JSON.parse(text)).toMatchObject({ retried: 1 });
  expect(text).not.toContain(PAYLOAD_SECRET);
});

test("a database that fails is a 500 without its error, which is logged without a password", async () => {
  const failing = (): never => {
    throw new Error("connect ECONNREFUSED postgres://u:hunter2@db/app");
  };
  const redact = (text: string): string => text.replaceAll("app", "[ours]");
  const response = await route({ store: failing, redact })(call(`Bearer ${SECRET}`));
  expect([response.status, await response.json()]).toEqual([500, { error: "Internal Server Error" }]);
  expect(logged.join()).toMatch(/ECONNREFUSED.*\/\[ours\]/);
  expect(logged.join()).not.toContain("hunter2");
});

test("a drain that breaks off is a 500 with its counts, without its error", async () => {
  await store.enqueueMany([
    { type: "a", payload: {} },
    { type: "a", payload: {} },
  ]);
  let statements = 0;
  const executor = pgExecutor(database.pool);
  const breaking = new PgJobStore({
    ...executor,
    query: (text, params, options) => {
      statements += 1;
      if (statements > 1) return Promise.reject(new Error("terminating connection"));
      return executor.query(text, params, options);
    },
  });
  const response = await route({ store: breaking, concurrency: 1 })(call(`Bearer ${SECRET}`));
  const text = await response.text();
  expect(response.status).toBe(500);
  expect(JSON.parse(text)).toMatchObject({ stoppedBy: "error" });
  expect(text).not.toContain("terminating");
  expect(logged.join()).toContain("terminating connection");
});

test("each request can have a store of its own", async () => {
  let made = 0;
  const drain = route({
    store: () => {
      made += 1;
      return Promise.resolve(store);
    },
  });
  await drain(call(`Bearer ${SECRET}`));
  await drain(call(`Bearer ${SECRET}`));
  await drain(call("Bearer wrong"));
  expect(made).toBe(2);
});
