import { afterAll, expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { executor } from "../../src/core/make-executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { metricsRoute } from "../../src/integrations/metrics.ts";
import { tableDatabase } from "../support/table-database.ts";

const database = await tableDatabase();
await database.migrate();
const store = new PgJobStore(pgExecutor(database.pool));
afterAll(() => database[Symbol.asyncDispose]());

const SECRET = "correct horse battery";
const call = (authorization = `Bearer ${SECRET}`): Request =>
  new Request("https://app.example/metrics", { headers: { authorization } });

test("a collector with the secret gets the queue in Prometheus' format, each sample with the labels", async () => {
  await store.enqueueMany([
    { type: "mail", payload: {} },
    { type: 'od"d', payload: {} },
  ]);
  const response = await metricsRoute({ store: () => store, secret: SECRET, labels: { queue: "q" } })(call());
  expect([response.status, response.headers.get("content-type")]).toEqual([
    200,
    "text/plain; version=0.0.4; charset=utf-8",
  ]);
  const text = await response.text();
  expect(text).toContain('pqrun_jobs{queue="q",type="mail",status="READY"} 1\n');
  expect(text).toContain('pqrun_jobs{queue="q",type="od\\"d",status="READY"} 1\n');
  expect(text).toMatch(/^# TYPE pqrun_oldest_due_seconds gauge$/m);
});

test("without the secret nobody learns anything, nor where none is set, or the database fails", async () => {
  const away = new PgJobStore(
    executor({ query: () => Promise.reject(new Error("the password is hunter2")) }),
  );
  const logger = false;
  const answers = [
    await metricsRoute({ store, secret: SECRET, logger })(call("Bearer wrong")),
    await metricsRoute({ store, secret: undefined, logger })(call("Bearer undefined")),
    await metricsRoute({ store: away, secret: SECRET, logger })(call()),
  ];
  expect(answers.map(({ status }) => status)).toEqual([401, 500, 500]);
  expect(await Promise.all(answers.map((response) => response.text()))).toEqual([
    "Unauthorized\n",
    "Internal Server Error\n",
    "Internal Server Error\n",
  ]);
});
