import { Hono, type Context } from "hono";
import { expect, expectTypeOf, test } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import type { Enqueued } from "../../src/core/enqueue/enqueue.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { pqrun } from "../../src/integrations/hono.ts";
import { JobProducer } from "../../src/core/producer.ts";
import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import { executor as ownExecutor } from "../../src/core/make-executor.ts";
import { tableDatabase } from "../support/table-database.ts";

const jobs = { embed: defineJob<{ text: string }>() };

test("routes get the store that was given", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  const store = new PgJobStore(pgExecutor(database.pool), { jobs });
  const app = new Hono().use(pqrun(store)).post("/", async (c) => {
    expectTypeOf(c.var.pqrun).toEqualTypeOf<PgJobStore<typeof jobs, PgTransaction>>();
    return c.json(await c.var.pqrun.enqueue("embed", { text: "a" }), 202);
  });
  const response = await app.request("/", { method: "POST" });
  expect(response.status).toBe(202);
  const { id, created } = (await response.json()) as Enqueued;
  expect({ created, payload: (await store.get(id))?.payload }).toEqual({
    created: true,
    payload: { text: "a" },
  });
});

test("where a store can't outlive a request, each gets one of its own, made from its context", async () => {
  const made: string[] = [];
  const executor = ownExecutor({ query: () => Promise.reject(new Error("not sent here")) });
  const app = new Hono<{ Bindings: { NAME: string } }>()
    .use(
      pqrun((c: Context<{ Bindings: { NAME: string } }>) => {
        made.push(c.env.NAME);
        return Promise.resolve(new JobProducer(executor, { jobs }));
      }),
    )
    .get("/", (c) => {
      expectTypeOf(c.var.pqrun).toEqualTypeOf<JobProducer<typeof jobs>>();
      return c.text(c.var.pqrun.constructor.name);
    });
  expect(await (await app.request("/", {}, { NAME: "one" })).text()).toBe("JobProducer");
  await app.request("/", {}, { NAME: "two" });
  expect(made).toEqual(["one", "two"]);
});
