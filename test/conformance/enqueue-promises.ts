import type { JsonObject } from "../../src/core/contract.ts";
import { isPqrunError } from "../../src/core/errors.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { executor } from "../../src/core/make-executor.ts";
import { equal, ok, rejected } from "./assert.ts";
import { queueOf } from "./queue.ts";
import { cellsOf } from "./rows.ts";
import type { Promises } from "./subject.ts";

/** Payloads that a driver, or jsonb, might change. */
const PAYLOADS: readonly JsonObject[] = [
  {},
  { text: `quote " backslash \\ 'single' \n\t\u0001 \u2028 🐘 漢字 e\u0301` },
  { "": "", "key with blank": 1, __typename: "x", constructor: "c", toString: "t", hasOwnProperty: "h" },
  { numbers: [0, -1, 0.1, 1e21, 1e-7, 9007199254740991, -9007199254740991] },
  { big: "123456789012345678901234567890", date: "2026-01-01T00:00:00.000Z" },
  { nested: { list: [[], [[1], { a: null }], "x", true, false, null] } },
  { snake_case: { camelCase: { "kebab-case": [{ deep_key: 1 }] } } },
];

/** What an enqueue promises. */
export function enqueuePromises<Tx>(promise: Promises<Tx>): void {
  promise("enqueue answers the id of a whole job", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const { id, created } = await store.enqueue("a", { n: 1 });
    ok(created && /^\d+$/.test(id), "a new id");
    const { type, payload, status, priority, attempts, maxAttempts, timeoutSeconds, ...rest } = await job(id);
    equal([type, payload, status, priority, attempts], ["a", { n: 1 }, "READY", 0, 0]);
    equal(
      [maxAttempts, timeoutSeconds, rest.dedupeKey, rest.lockedBy, rest.result],
      [5, null, null, null, null],
    );
    ok(rest.runAfter.getTime() === rest.createdAt.getTime(), "due at once, by the database's clock");
  });

  promise("enqueue's options are in the row", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const runAfter = new Date("2099-12-31T23:59:59.123Z");
    const options = {
      priority: -7,
      runAfter,
      maxAttempts: 2,
      timeoutSeconds: 60,
      dedupeKey: "ключ 'k'",
      headers: { "a\\": "{\"b\",'c'}" },
    };
    const { id } = await store.enqueue("type with 'quotes'", {}, options);
    const row = await job(id);
    equal({ ...options, type: row.type }, { ...options, type: "type with 'quotes'" });
    const { priority, maxAttempts, timeoutSeconds, dedupeKey, headers } = row;
    equal({ priority, runAfter: row.runAfter, maxAttempts, timeoutSeconds, dedupeKey, headers }, options);
  });

  promise("payloads come back as they were given", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const enqueued = await store.enqueueMany(PAYLOADS.map((payload) => ({ type: "a", payload })));
    for (const [index, { id }] of enqueued.entries()) equal((await job(id)).payload, PAYLOADS[index]);
    const picked = await store.pickup({ types: ["a"], limit: PAYLOADS.length });
    equal(
      picked.map(({ payloadText }) => store.parse(payloadText)),
      PAYLOADS,
    );
  });

  promise("a payload of a megabyte comes back", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const payload = { text: "ü🐘".repeat(170_000) };
    const { id } = await store.enqueue("a", payload);
    equal((await job(id)).payload, payload);
  });

  promise("enqueueMany answers a thousand ids in input order", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const enqueued = await store.enqueueMany(
      Array.from({ length: 1_000 }, (_, n) => ({ type: "a", payload: { n } })),
    );
    equal([enqueued.length, new Set(enqueued.map(({ id }) => id)).size], [1_000, 1_000]);
    for (const n of [0, 1, 499, 999]) equal((await job(enqueued[n]?.id ?? "")).payload, { n });
  });

  promise("of jobs with one dedupe key in one call the first is created", [], async (bench) => {
    const { store } = queueOf(bench);
    const keys = ["k", "k", undefined, "l", "k"];
    const enqueued = await store.enqueueMany(
      keys.map((dedupeKey, n) => ({
        type: "a",
        payload: { n },
        ...(dedupeKey === undefined ? {} : { dedupeKey }),
      })),
    );
    equal(
      enqueued.map(({ created }) => created),
      [true, false, true, true, false],
    );
    const [first, second, , , last] = enqueued.map(({ id }) => id);
    equal([second, last], [first, first], "the first one's id");
  });

  promise("a duplicate answers the active job's id and writes nothing", [], async (bench) => {
    const { store, image, settle } = queueOf(bench);
    const { id } = await store.enqueue("a", { n: 1 }, { dedupeKey: "k" });
    const ready = await image(id);
    equal(await store.enqueue("a", { n: 2 }, { dedupeKey: "k", priority: 9 }), { id, created: false });
    equal(await image(id), ready, "the READY row");
    const [job] = await store.pickup({ types: ["a"] });
    ok(job !== undefined, "it is picked up");
    equal(await store.enqueue("a", {}, { dedupeKey: "k" }), { id, created: false }, "while it is RUNNING");
    await settle({ job, durationMs: 1, outcome: "done", resultText: null });
    const next = await store.enqueue("a", {}, { dedupeKey: "k" });
    ok(next.created && next.id !== id, "a finished job's key is free");
  });

  promise("twenty enqueues at once are twenty jobs", [], async (bench) => {
    const { store, job } = queueOf(bench);
    const numbers = Array.from({ length: 20 }, (_, n) => n);
    const enqueued = await Promise.all(numbers.map((n) => store.enqueue("a", { n })));
    equal(new Set(enqueued.map(({ id }) => id)).size, 20);
    for (const n of numbers) equal((await job(enqueued[n]?.id ?? "")).payload, { n });
  });

  promise(
    "of rivals with one dedupe key one creates the job, and all learn its id",
    ["rival"],
    async (bench) => {
      const { store } = queueOf(bench);
      const rival = new PgJobStore(
        executor({ query: async (text, params) => await bench.sql(text, params as (string | null)[]) }),
        bench.table,
      );
      const all = await Promise.all(
        Array.from({ length: 10 }, (_, n) =>
          (n % 2 === 0 ? store : rival).enqueue("a", { n }, { dedupeKey: "k" }),
        ),
      );
      equal(all.filter(({ created }) => created).length, 1);
      equal(new Set(all.map(({ id }) => id)).size, 1);
    },
  );

  promise("ids beyond 2^53 stay exact", [], async (bench) => {
    const { store, job, settle } = queueOf(bench);
    const sequence = cellsOf(
      (await bench.sql("SELECT pg_get_serial_sequence($1::text, 'id') AS a", [bench.names.jobs]))[0],
    );
    await bench.sql("SELECT setval($1::text::regclass, 9007199254740992)::text AS a", [String(sequence[0])]);
    const { id } = await store.enqueue("a", { n: 1 });
    const many = await store.enqueueMany([{ type: "b", payload: {} }]);
    equal([id, many[0]?.id], ["9007199254740993", "9007199254740994"]);
    equal((await job(id)).id, id);
    const [picked] = await store.pickup({ types: ["a"] });
    equal(picked?.id, id);
    if (picked !== undefined) await settle({ job: picked, durationMs: 1, outcome: "done", resultText: null });
    equal((await job(id)).status, "DONE");
    equal(
      (await store.list({ beforeId: "9007199254740994" })).map((row) => row.id),
      [id],
    );
  });

  promise("bad input is refused before anything is sent", [], async (bench) => {
    const { store } = queueOf(bench);
    const refusals: readonly (() => Promise<unknown>)[] = [
      () => store.enqueue("", {}),
      () => store.enqueue("a", { a: "\u0000" }),
      () => store.enqueue("a", {}, { priority: 2 ** 31 }),
      () =>
        store.enqueueMany([
          { type: "a", payload: {} },
          { type: "a", payload: {}, maxAttempts: 0 },
        ]),
      () => store.get("1.5"),
    ];
    for (const refused of refusals)
      ok(isPqrunError(await rejected(refused()), "invalid-input"), "InvalidInputError");
    equal(await store.list(), []);
  });

  promise("a table that is not there is a TableError", [], async (bench) => {
    const absent = new PgJobStore<never, Tx>(bench.executor, {
      ...bench.table,
      table: "pqrun_no_such_table",
    });
    ok(isPqrunError(await rejected(absent.get("1")), "table"), "TableError of get");
    ok(isPqrunError(await rejected(absent.pickup({ types: ["a"] })), "table"), "TableError of a pick-up");
  });
}
