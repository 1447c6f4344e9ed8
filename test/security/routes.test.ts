import { afterAll, expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { drainRoute } from "../../src/integrations/fetch.ts";
import { tableDatabase } from "../support/table-database.ts";
import { CORPUS } from "./corpus.ts";

const database = await tableDatabase();
await database.migrate();
const store = new PgJobStore(pgExecutor(database.pool));
afterAll(() => database[Symbol.asyncDispose]());

const SECRET = "correct horse battery";
const route = (secret: string | undefined = SECRET): ((request: Request) => Promise<Response>) =>
  drainRoute({ store, handlers: { a: () => "done" }, budgetMs: 5_000, secret, logger: silentLogger });

/** A request, or undefined where the platform itself refuses such a header. */
function request(headers: readonly (readonly [string, string])[]): Request | undefined {
  try {
    return new Request("https://app.example/api/drain", {
      headers: headers.map(([n, v]): [string, string] => [n, v]),
    });
  } catch {
    return undefined;
  }
}

test("whatever else is sent as a secret is answered 401, in the same words, and runs nothing", async () => {
  await store.enqueue("a", {});
  const drain = route();
  let sent = 0;
  const values = CORPUS.flatMap((text) => [
    text,
    `Bearer ${text}`,
    `Bearer ${SECRET}${text}x`,
    `Bearer x${text}${SECRET}`,
  ]);
  for (const value of values) {
    const call = request([["authorization", value]]);
    if (call === undefined) continue;
    sent += 1;
    const response = await drain(call);
    expect([response.status, await response.text()]).toEqual([401, '{"error":"Unauthorized"}']);
  }
  expect(sent).toBeGreaterThan(300);
  expect((await store.stats()).counts).toMatchObject({ READY: 1, DONE: 0 });
});

test.for([
  [
    "two secrets, of which one is right",
    [
      ["authorization", "Bearer wrong"],
      ["authorization", `Bearer ${SECRET}`],
    ],
  ],
  [
    "the right one twice",
    [
      ["authorization", `Bearer ${SECRET}`],
      ["authorization", `Bearer ${SECRET}`],
    ],
  ],
  ["a list that begins with the right one", [["authorization", `Bearer ${SECRET}, Bearer wrong`]]],
  ["another header", [["x-authorization", `Bearer ${SECRET}`]]],
  [
    "a header of Vercel's own",
    [
      ["x-vercel-cron", "1"],
      ["user-agent", "vercel-cron/1.0"],
    ],
  ],
  ["a cookie", [["cookie", `authorization=Bearer ${SECRET}`]]],
  ["another method of the same secret", [["authorization", `Basic ${btoa(`:${SECRET}`)}`]]],
] as const)("%s: 401", async ([, headers]) => {
  const call = request(headers);
  expect(call === undefined ? 0 : (await route()(call)).status).toBe(401);
});

test("a secret in the URL or in the body opens nothing", async () => {
  const body = JSON.stringify({ secret: SECRET, authorization: `Bearer ${SECRET}` });
  const url = `https://app.example/?secret=${SECRET}&authorization=Bearer ${SECRET}`;
  expect((await route()(new Request(url, { method: "POST", body }))).status).toBe(401);
});

test("a secret that is missing or short closes the route to everyone, whatever is sent", async () => {
  for (const secret of [undefined, "", "short", "fifteen letters", 12_345 as never, null as never]) {
    for (const sent of ["", "Bearer ", `Bearer ${String(secret)}`, "Bearer undefined", "Bearer null"]) {
      const call = request([["authorization", sent]]);
      const drain = drainRoute({
        store,
        handlers: { a: () => undefined },
        budgetMs: 5_000,
        secret,
        logger: silentLogger,
      });
      const response = await drain(call ?? new Request("https://app.example/"));
      expect([response.status, await response.json()]).toEqual([500, { error: "Internal Server Error" }]);
    }
  }
});

test("the right one's answer holds counts and states, and no text of a job's", async () => {
  await store.enqueueMany(
    CORPUS.filter((text) => text.isWellFormed() && !text.includes("\u0000")).map((text) => ({
      type: "a",
      payload: { text },
    })),
  );
  const response = await route()(
    new Request("https://app.example/", { headers: { authorization: `Bearer ${SECRET}` } }),
  );
  const report = JSON.parse(await response.text()) as Record<string, unknown>;
  for (const [name, value] of Object.entries(report)) {
    if (name === "stoppedBy") expect(["empty", "budget"]).toContain(value);
    else expect(value === null || ["number", "boolean"].includes(typeof value)).toBe(true);
  }
});

test("a secret or a logger that rejects answers 500, and ends nothing", async () => {
  const unhandled: unknown[] = [];
  const note = (reason: unknown): void => void unhandled.push(reason);
  process.on("unhandledRejection", note);
  onTestFinished(() => void process.off("unhandledRejection", note));
  const rejects = async (): Promise<never> => {
    await Promise.resolve();
    throw new Error("no secret is to be had");
  };
  const logger = { debug: rejects, info: rejects, warn: rejects, error: rejects };
  const drain = drainRoute({
    store,
    handlers: { a: () => undefined },
    budgetMs: 5_000,
    secret: rejects,
    logger,
  });
  const call = request([["authorization", `Bearer ${SECRET}`]]);
  expect(call && (await drain(call)).status).toBe(500);
  await new Promise((resolve) => setImmediate(resolve));
  expect(unhandled).toEqual([]);
});
