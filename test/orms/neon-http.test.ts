import { neon, neonConfig } from "@neondatabase/serverless";
import { drizzle } from "drizzle-orm/neon-http";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import { expect, test } from "vitest";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { drizzleStatement } from "../../src/adapters/orm/drizzle.ts";
import { isLeaseLost } from "../../src/core/sql/lease-lost.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import { atEnd, ormDatabase } from "./orm.ts";

const orders = pgTable("orders", { id: serial().primaryKey(), note: text().notNull() });

const database = await ormDatabase();
const standIn = await neonStandIn();
neonConfig.fetchEndpoint = standIn.fetchEndpoint;
atEnd(() => standIn[Symbol.asyncDispose]());

const sql = neon(database.url);
const db = drizzle({ client: sql });
const store = new PgJobStore(neonExecutor(sql), { logger: false });
const statuses = async (): Promise<unknown> => (await store.list()).map(({ status }) => status);

test("an order and its job are one list over Neon HTTP, and a list that fails leaves neither", async () => {
  await database.empty();
  const enqueue = await store.enqueueStatement("invoice", { n: 1 });
  const [, enqueued] = await db.batch([
    db.insert(orders).values({ note: "a" }),
    db.execute(drizzleStatement(enqueue)),
  ]);
  expect(enqueued.rows).toHaveLength(1);
  expect([await database.orders(), await statuses()]).toEqual([["a"], ["READY"]]);
  const failing = db.batch([
    db.execute(drizzleStatement(await store.enqueueStatement("invoice", { n: 2 }))),
    db.insert(orders).values({ note: null as never }),
  ]);
  await expect(failing).rejects.toThrow();
  expect([await database.orders(), await statuses()]).toEqual([["a"], ["READY"]]);
});

test("a job is settled in the list of its effects, and a lost lease refuses all of it, recognisably", async () => {
  await database.empty();
  await store.enqueueMany([{ type: "invoice", payload: {} }]);
  const [job] = await store.pickup({ types: ["invoice"], limit: 1, workerId: "w", leaseMs: 60_000 });
  if (job === undefined) throw new Error("nothing was picked up");
  const settling = (fence: typeof job): Promise<unknown> =>
    db.batch([
      db.insert(orders).values({ note: "effect" }),
      db.execute(drizzleStatement(store.settleStatement(fence, { n: 7 }))),
    ]);
  const lost: unknown = await settling({ ...job, lockedBy: "another" }).catch((error: unknown) => error);
  expect(isLeaseLost(lost)).toBe(true);
  expect([await database.orders(), await statuses()]).toEqual([[], ["RUNNING"]]);
  await settling(job);
  expect([await database.orders(), await statuses()]).toEqual([["effect"], ["DONE"]]);
});
