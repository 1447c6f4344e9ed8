import { expect, test } from "vitest";

import { tableMigrations } from "../../src/migrate/migrations.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { Handlers } from "../../src/runners/job/handler.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { isPqrunError } from "../../src/core/errors.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import { executor } from "../../src/core/make-executor.ts";
import { testQueue } from "../support/queue.ts";
import { expectCanary, objects, plantCanary } from "./canary.ts";
import { CORPUS, isStorable } from "./corpus.ts";

const queue = await testQueue();
await plantCanary(queue);
const { store } = queue;

const types = CORPUS.filter((text) => isStorable(text) && text.length <= 256);
const keys = CORPUS.filter((text) => isStorable(text) && text.length <= 512);
const refusals = async (attempts: readonly (() => Promise<unknown>)[]): Promise<unknown[]> => {
  const outcomes = await Promise.allSettled(attempts.map((attempt) => attempt()));
  return outcomes.map((outcome) =>
    outcome.status === "rejected" && isPqrunError(outcome.reason, "invalid-input")
      ? outcome.reason.field
      : outcome,
  );
};

test("the corpus has 500 strings or more, each once", () => {
  expect(new Set(CORPUS).size).toBe(CORPUS.length);
  expect(CORPUS.length).toBeGreaterThanOrEqual(500);
});

test("types, keys and payloads of hostile text are stored as they are and run, and nothing of them is executed", async () => {
  const before = await objects(queue);
  const sent = types.map((type) => ({ type, payload: { value: type, list: [type] }, dedupeKey: type }));
  const answers = await store.enqueueMany(sent);
  expect(answers.every(({ created }) => created)).toBe(true);
  // Again: each key is found as the one it is, and not as another that looks like it.
  expect(await store.enqueueMany(sent)).toEqual(answers.map(({ id }) => ({ id, created: false })));
  const heard: unknown[] = [];
  const handlers = Object.fromEntries(
    types.map((type) => [
      type,
      ({ payload, job }: { payload: unknown; job: { type: string; dedupeKey: string | null } }) => {
        heard.push([job.type, job.dedupeKey, payload]);
        return { back: type };
      },
    ]),
  ) as Handlers<UntypedJobs>;
  const report = await drainOnce({ store, handlers, budgetMs: 25_000, concurrency: 500 });
  expect(report).toMatchObject({ done: types.length, retried: 0, failed: 0, stoppedBy: "empty" });
  const byType = (rows: unknown[]): unknown[] => rows.toSorted((a, b) => (String(a) < String(b) ? -1 : 1));
  expect(byType(heard)).toEqual(byType(types.map((type) => [type, type, { value: type, list: [type] }])));
  for (const [index, { id }] of answers.entries()) {
    if (index % 20 !== 0) continue;
    expect(await store.get(id)).toMatchObject({ type: types[index], result: { back: types[index] } });
  }
  const done = await queue.rows("SELECT count(DISTINCT job_type)::int AS n FROM jobs WHERE status = 'DONE'");
  expect(done).toEqual([{ n: types.length }]);
  // Estimates of a table of this size: those of types that the sample has met.
  const { types: seen } = await store.stats();
  expect(Object.keys(seen).length).toBeGreaterThan(types.length / 2);
  expect(Object.keys(seen).filter((type) => !types.includes(type))).toEqual([]);
  await expectCanary(queue);
  expect(await objects(queue)).toEqual(before);
});

test("keys of a payload that are hostile text come back as they were, save __proto__, which is refused", async () => {
  const payload = Object.fromEntries(keys.filter((key) => key !== "__proto__").map((key) => [key, key]));
  const { id } = await store.enqueue("a", payload);
  expect((await store.get(id))?.payload).toEqual(payload);
  await store.enqueueMany(keys.map((dedupeKey) => ({ type: "b", payload: {}, dedupeKey })));
  const own = JSON.parse(`{"__proto__": {"polluted": true}}`) as object;
  expect(await refusals([() => store.enqueue("a", own as never)])).toEqual(["payload.__proto__"]);
  expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
  await expectCanary(queue);
});

test("what PostgreSQL can't hold is refused by name at every entrance, and nothing is sent", async () => {
  const silent = new PgJobStore(executor({ query: () => Promise.reject(new Error("sent")) }));
  const hostile = CORPUS.filter((text) => !isStorable(text));
  expect(hostile.length).toBeGreaterThan(20);
  const expected = (field: string): string[] => hostile.map(() => field);
  const attempt = (act: (text: string) => Promise<unknown>): Promise<unknown[]> =>
    refusals(hostile.map((text) => () => act(text)));
  expect(await attempt((text) => silent.enqueue(text, {}))).toEqual(expected("type"));
  expect(await attempt((text) => silent.enqueue("a", {}, { dedupeKey: text }))).toEqual(
    expected("dedupeKey"),
  );
  expect(await attempt((text) => silent.enqueue("a", { value: text }))).toEqual(expected("payload.value"));
  expect(await attempt((text) => silent.pickup({ types: [text] }))).toEqual(expected("types"));
  expect(await attempt((text) => silent.pickup({ types: ["a"], workerId: text }))).toEqual(
    expected("workerId"),
  );
  const handlers = { a: () => undefined };
  expect(
    await attempt(async (workerId) => drainOnce({ store: silent, handlers, workerId, budgetMs: 1_000 })),
  ).toEqual(expected("workerId"));
  expect(
    await attempt(async (text) =>
      drainOnce({ store: silent, handlers: { [text]: () => undefined }, budgetMs: 1_000 }),
    ),
  ).toEqual(expected("handlers"));
});

test("a worker's id of hostile text is refused, or settles what it picked up", async () => {
  const ids = CORPUS.filter((_, index) => index % 4 === 0);
  await store.enqueueMany(ids.map(() => ({ type: "a", payload: {} })));
  const seen = { settled: 0, refused: 0 };
  for (const workerId of ids) {
    try {
      const [job] = await store.pickup({ types: ["a"], workerId });
      expect(job?.lockedBy.startsWith(`${workerId}:`)).toBe(true);
      if (job !== undefined) expect((await store.markDone(job)).status).toBe("DONE");
      seen.settled += 1;
    } catch (error) {
      expect(error).toMatchObject({ field: "workerId" });
      seen.refused += 1;
    }
  }
  expect(seen.settled).toBeGreaterThan(20);
  expect(seen.refused).toBeGreaterThan(20);
  await expectCanary(queue);
});

test("each name of a schema or table is refused by name, or stands quoted and whole in every statement", async () => {
  const before = await objects(queue);
  let refused = 0;
  for (const name of CORPUS) {
    for (const options of [{ schema: name }, { table: name }]) {
      let names: ReturnType<typeof tableNames>;
      try {
        names = tableNames(options);
      } catch (error) {
        refused += 1;
        expect(error).toMatchObject({ field: Object.keys(options)[0] });
        continue;
      }
      const quoted = `"${name.replaceAll('"', '""')}"`;
      expect([names.jobs, names.statusType].join().includes(quoted)).toBe(true);
    }
  }
  expect(refused).toBeGreaterThan(100);
  const usable = CORPUS.filter((name) => isAccepted(name)).filter((_, index) => index % 5 === 0);
  expect(usable.length).toBeGreaterThan(30);
  for (const name of usable) {
    // A table that is not there: its whole name is told, and nothing of it was run.
    const absent = new PgJobStore(executor({ query: (text, params) => queue.rows(text, params) }), {
      table: name,
    });
    await expect(absent.stats()).rejects.toMatchObject({ name: "TableError" });
  }
  await expectCanary(queue);
  expect(await objects(queue)).toEqual(before);
  for (const name of usable) expect(() => tableMigrations({ table: name }, "empty")).not.toThrow();
});

function isAccepted(table: string): boolean {
  try {
    return tableNames({ table }).table === table && table !== "jobs";
  } catch {
    return false;
  }
}
