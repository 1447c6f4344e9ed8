import { expect, test } from "vitest";
import { z } from "zod";

import { defineJob } from "../../src/core/contract.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { JobProducer } from "../../src/core/producer.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { executor as ownExecutor } from "../../src/core/make-executor.ts";
import { noting } from "../support/between.ts";
import { testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
const sent: SqlStatement[] = [];
const { store } = await queue.session({ between: noting(sent) });

/** The error, after which nothing may have been sent. */
async function refusal(work: () => unknown): Promise<unknown> {
  sent.length = 0;
  const outcome = await Promise.resolve()
    .then(work)
    .then(
      () => "it was accepted",
      (error: unknown) => error,
    );
  expect(sent).toEqual([]);
  return outcome;
}

const circular: Record<string, unknown> = {};
circular["self"] = circular;
const nested = (levels: number): object => (levels === 1 ? {} : { x: nested(levels - 1) });
const poisoned = JSON.parse('{"a": {"__proto__": {"admin": true}}}') as object;
const invalid = new Date(Number.NaN);
const text = (length: number): string => "x".repeat(length);

/** What is wrong, the field's name, what was expected, what came. */
type Case = readonly [name: string, value: unknown, field: string, expected: RegExp, received: string];

const PAYLOADS: readonly Case[] = [
  ["a string", "{}", "payload", /JSON object/, "a string of 2 characters"],
  ["a number", 5, "payload", /JSON object/, "5"],
  ["null", null, "payload", /JSON object/, "null"],
  ["undefined", undefined, "payload", /JSON object/, "undefined"],
  ["an array", [1, 2], "payload", /JSON object/, "an array of 2"],
  ["a function", () => 1, "payload", /JSON object/, "a function"],
  ["a Date", new Date(), "payload", /JSON object/, "a Date"],
  ["with a BigInt", { a: [{ n: 12n }] }, "payload.a[0].n", /bigint as a string/, "a bigint"],
  ["that is circular", circular, `payload${".self".repeat(100)}`, /no circle/, "an object"],
  ["with an undefined", { a: undefined }, "payload.a", /JSON value/, "undefined"],
  ["with an undefined in an array", { a: [1, undefined] }, "payload.a[1]", /JSON value/, "undefined"],
  ["with a hole in an array", { a: Array(1) }, "payload.a[0]", /JSON value/, "undefined"],
  ["with a function", { a: { b: () => 1 } }, "payload.a.b", /JSON value/, "a function"],
  ["with a symbol", { a: Symbol("s") }, "payload.a", /JSON value/, "a symbol"],
  ["with NaN", { a: Number.NaN }, "payload.a", /finite number/, "NaN"],
  ["with Infinity", { a: -Infinity }, "payload.a", /finite number/, "-Infinity"],
  [
    "with an invalid date",
    { a: { at: invalid } },
    "payload.a.at",
    /JSON value|valid date/i,
    "an invalid Date",
  ],
  ["with a NUL character", { a: "b\u0000" }, "payload.a", /without the NUL/, "a string of 2 characters"],
  [
    "with a NUL character in a key",
    { "a\u0000": 1 },
    "payload.a\u0000",
    /without the NUL/,
    "a string of 2 characters",
  ],
  ["with a lone surrogate", { a: "\ud83d" }, "payload.a", /lone surrogate/, "a string of 1 characters"],
  [
    "with a lone surrogate in a key",
    { "\udc00": 1 },
    "payload.\udc00",
    /lone surrogate/,
    "a string of 1 characters",
  ],
  ["with a __proto__ key", poisoned, "payload.a.__proto__", /__proto__/, "an object"],
  ["over the size cap", { a: text(1_048_576) }, "payload", /1048576 bytes/, "1048584"],
  [
    "over the size cap in bytes, not in characters",
    { a: "\u20ac".repeat(400_000) },
    "payload",
    /1048576 bytes/,
    "1200008",
  ],
  ["over the depth cap", nested(101), `payload${".x".repeat(100)}`, /100 levels/, "an object"],
];

test.for(PAYLOADS)(
  "a payload %s is refused before anything is sent",
  async ([, payload, field, expected, received]) => {
    const error = await refusal(() => store.enqueue("a", payload as never));
    expect(error).toMatchObject({
      name: "InvalidInputError",
      field,
      expected: expect.stringMatching(expected) as string,
      received,
    });
  },
);

test("at the caps of size and depth a payload is stored and comes back", async () => {
  for (const payload of [{ a: text(1_048_576 - 8) }, nested(100)]) {
    const { id } = await store.enqueue("a", payload);
    expect((await store.get(id))?.payload).toEqual(payload);
  }
});

const OPTIONS: readonly Case[] = [
  ["priority", 2_147_483_648, "priority", /-2147483648 to 2147483647/, "2147483648"],
  ["priority", -2_147_483_649, "priority", /-2147483648 to 2147483647/, "-2147483649"],
  ["priority", 1.5, "priority", /whole number/, "1.5"],
  ["priority", "1", "priority", /whole number/, "a string of 1 characters"],
  ["maxAttempts", 0, "maxAttempts", /from 1 to/, "0"],
  ["maxAttempts", -1, "maxAttempts", /from 1 to/, "-1"],
  ["maxAttempts", 2_147_483_648, "maxAttempts", /from 1 to/, "2147483648"],
  ["timeoutSeconds", 0, "timeoutSeconds", /from 1 to/, "0"],
  ["timeoutSeconds", -5, "timeoutSeconds", /from 1 to/, "-5"],
  ["timeoutSeconds", 0.5, "timeoutSeconds", /whole number/, "0.5"],
  ["timeoutSeconds", Number.NaN, "timeoutSeconds", /whole number/, "NaN"],
  ["runAfter", invalid, "runAfter", /valid Date/, "an invalid Date"],
  ["delayMs", -1, "delayMs", /whole number from 0 to 1000000000000/, "-1"],
  ["delayMs", 0.5, "delayMs", /whole number/, "0.5"],
  ["delayMs", 1e12 + 1, "delayMs", /whole number/, "a large number"],
  ["delayMs", "5", "delayMs", /whole number/, "a string of 1 characters"],
  ["runAfter", "2030-01-01", "runAfter", /valid Date/, "a string of 10 characters"],
  ["runAfter", new Date("+010000-01-01T00:00:00Z"), "runAfter", /years 1 to 9999/, "a Date"],
  ["runAfter", new Date("0000-12-31T23:59:59.999Z"), "runAfter", /years 1 to 9999/, "a Date"],
  ["dedupeKey", "", "dedupeKey", /1 to 512 characters/, "a string of 0 characters"],
  ["dedupeKey", text(513), "dedupeKey", /1 to 512 characters/, "a string of 513 characters"],
  ["dedupeKey", 7, "dedupeKey", /1 to 512 characters/, "7"],
  ["dedupeKey", null, "dedupeKey", /1 to 512 characters/, "null"],
  ["dedupeKey", "a\u0000", "dedupeKey", /NUL/, "a string of 2 characters"],
];

test.for(OPTIONS)(
  "%s %s is refused before anything is sent",
  async ([name, value, field, expected, received]) => {
    const error = await refusal(() => store.enqueue("a", {}, { [name]: value }));
    expect(error).toMatchObject({
      name: "InvalidInputError",
      field,
      expected: expect.stringMatching(expected) as string,
      received,
    });
  },
);

test.for([
  ["priority", 2_147_483_647],
  ["priority", -2_147_483_648],
  ["maxAttempts", 1],
  ["timeoutSeconds", 2_147_483_647],
  ["runAfter", new Date("0001-01-01T00:00:00.000Z")],
  ["runAfter", new Date("9999-12-31T23:59:59.999Z")],
  ["dedupeKey", text(512)],
  ["dedupeKey", "\u{1F600}".repeat(256)],
] as const)("%s %s is just within bounds", async ([name, value]) => {
  const { id } = await store.enqueue("a", {}, { [name]: value });
  expect(await store.get(id)).toMatchObject({ [name]: value });
});

test.for([
  ["empty", "", "a string of 0 characters"],
  ["overlong", text(257), "a string of 257 characters"],
  ["not text", 5, "5"],
  ["with a NUL", "a\u0000", "a string of 2 characters"],
  ["with a lone surrogate", "\ud800", "a string of 1 characters"],
] as const)("a job type that is %s is refused", async ([, type, received]) => {
  const error = await refusal(() => store.enqueue(type as string, {}));
  expect(error).toMatchObject({
    name: "InvalidInputError",
    field: "type",
    expected: expect.stringMatching(/1 to 256/) as string,
    received,
  });
});

test("a job type without a contract is refused, whatever an object inherits", async () => {
  const own = new PgJobStore(ownExecutor({ query: () => Promise.reject(new Error("sent")) }), {
    jobs: { a: {} },
  });
  for (const type of ["b", "toString", "__proto__"]) {
    expect(await refusal(() => own.enqueue(type as "a", {}))).toMatchObject({
      field: "type",
      expected: "one of a",
    });
  }
});

test("a payload that its schema refuses is refused with the schema's words", async () => {
  const schema = {
    "~standard": {
      version: 1,
      vendor: "test",
      validate: () =>
        Promise.resolve({ issues: [{ message: "too small", path: ["items", { key: 3 }, "name"] }] }),
    },
  } as const;
  const own = new PgJobStore(ownExecutor({ query: () => Promise.reject(new Error("sent")) }), {
    jobs: { a: { payload: schema } },
  });
  expect(await refusal(() => own.enqueue("a", {}))).toMatchObject({
    name: "InvalidInputError",
    field: "payload",
    message: "payload.items[3].name: too small",
    expected: "what its schema says",
    received: "an object",
  });
});

test("Zod's words come with the place of what they are about, also of a list's job", async () => {
  const jobs = { mail: defineJob({ payload: z.object({ to: z.email() }) }) };
  const own = new PgJobStore(ownExecutor({ query: () => Promise.reject(new Error("sent")) }), { jobs });
  const payload = { to: "nobody" };
  expect(await refusal(() => own.enqueue("mail", payload))).toMatchObject({
    message: "payload.to: Invalid email address",
  });
  expect(await refusal(() => own.enqueueMany([{ type: "mail", payload }]))).toMatchObject({
    message: "jobs[0].payload.to: Invalid email address",
  });
});

const job = { type: "a", payload: {} };

test.for([
  ["no list", job, "jobs", "an object"],
  ["an empty list", [], "jobs", "an array of 0"],
  ["more than 10,000 jobs", Array.from({ length: 10_001 }, () => job), "jobs", "an array of 10001"],
  [
    "more than 8 MiB",
    Array.from({ length: 9 }, () => ({ ...job, payload: { a: text(1_000_000) } })),
    "jobs",
    "an array of 9",
  ],
  [
    "more than 8 MiB in bytes, not in characters",
    Array.from({ length: 9 }, () => ({ ...job, payload: { a: "\u20ac".repeat(333_000) } })),
    "jobs",
    "an array of 9",
  ],
  ["a job that is none", [job, null], "jobs[1]", "null"],
  ["a bad payload", [job, job, { ...job, payload: { a: 1n } }], "jobs[2].payload.a", "a bigint"],
  ["a bad option", [job, { ...job, priority: 0.5 }], "jobs[1].priority", "0.5"],
  ["a bad type", [job, { payload: {} }], "jobs[1].type", "undefined"],
] as const)("many jobs with %s are refused as a whole", async ([, jobs, field, received]) => {
  const error = await refusal(() => store.enqueueMany(jobs as never));
  expect(error).toMatchObject({ name: "InvalidInputError", field, received });
  expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
});

const CALLS: Record<string, readonly [(store: TestStore) => unknown, string]> = {
  "enqueueStatement, of a bad payload": [(own) => own.enqueueStatement("a", { a: undefined }), "payload.a"],
  "get, of no id": [(own) => own.get("x"), "id"],
  "get, of a number": [(own) => own.get(5 as never), "id"],
  "get, beyond int8": [(own) => own.get("9223372036854775808"), "id"],
  "cancel, of no id": [(own) => own.cancel("1-"), "id"],
  "retry, of no id": [(own) => own.retry(""), "id"],
  "list, of a foreign state": [(own) => own.list({ statuses: ["GONE" as never] }), "statuses"],
  "list, of too many": [(own) => own.list({ limit: 1_001 }), "limit"],
  "list, before no id": [(own) => own.list({ beforeId: "x" }), "beforeId"],
  "prune, of a live state": [
    (own) => own.prune({ olderThanSeconds: 1, statuses: ["READY" as never] }),
    "statuses",
  ],
  "prune, of a negative age": [(own) => own.prune({ olderThanSeconds: -1 }), "olderThanSeconds"],
  "prune, of no age": [(own) => own.prune({} as never), "olderThanSeconds"],
  "prune, of none": [(own) => own.prune({ olderThanSeconds: 1, limit: 0 }), "limit"],
  "prune, of a type that is none": [(own) => own.prune({ olderThanSeconds: 1, types: [""] }), "types"],
  "prune, by a rule of no age": [
    (own) => own.prune({ olderThanSeconds: 1, rules: [{ type: "a" } as never] }),
    "rules[0].olderThanSeconds",
  ],
  "prune, by a rule of a live state": [
    (own) => own.prune({ olderThanSeconds: 1, rules: [{ status: "READY" as never, olderThanSeconds: 1 }] }),
    "rules[0].status",
  ],
  "prune, by a rule of a type that is none": [
    (own) => own.prune({ olderThanSeconds: 1, rules: [{ type: "", olderThanSeconds: 1 }] }),
    "rules[0].type",
  ],
  "prune, by a rule of nothing": [
    (own) => own.prune({ olderThanSeconds: 1, rules: [{ olderThanSeconds: 1 }] }),
    "rules[0]",
  ],
  "prune, by a misspelt rule": [
    (own) => own.prune({ olderThanSeconds: 1, rules: [{ types: ["a"], olderThanSeconds: 1 } as never] }),
    "rules[0].types",
  ],
  "prune, by two rules of one name": [
    (own) =>
      own.prune({
        olderThanSeconds: 1,
        rules: [
          { type: "a", olderThanSeconds: 1 },
          { type: "a", olderThanSeconds: 2 },
        ],
      }),
    "rules[1]",
  ],
  "pickup, of too many": [(own) => own.pickup({ types: ["a"], limit: 1_001 }), "limit"],
};

test.for(Object.entries(CALLS))("%s is refused before anything is sent", async ([, [call, field]]) => {
  expect(await refusal(() => call(store))).toMatchObject({ name: "InvalidInputError", field });
});

const executor = ownExecutor({ query: () => Promise.reject(new Error("sent")) });

test.for([
  ["an empty schema", { schema: "" }, "schema"],
  ["an empty table", { table: "" }, "table"],
  ["a table of more than 63 bytes", { table: text(64) }, "table"],
  ["a table of more than 63 bytes, though not characters", { table: "\u20ac".repeat(22) }, "table"],
  ["a table with a NUL", { table: "a\u0000b" }, "table"],
  ["a table with a line's end", { table: "a\nb" }, "table"],
  ["a table with a lone surrogate", { table: "\ud800" }, "table"],
  ["a table that is no text", { table: 5 }, "table"],
  ["the enum's name", { table: "job_status" }, "table"],
  ["a payload cap of nothing", { maxPayloadBytes: 0 }, "maxPayloadBytes"],
  ["a payload cap over 8 MiB", { maxPayloadBytes: 8_388_609 }, "maxPayloadBytes"],
  ["a payload cap that is no number", { maxPayloadBytes: Number.NaN }, "maxPayloadBytes"],
  ["a depth cap over 1,000", { maxPayloadDepth: 1_001 }, "maxPayloadDepth"],
  ["a depth cap of nothing", { maxPayloadDepth: 0 }, "maxPayloadDepth"],
] as const)("a store with %s is refused when it is made", ([, options, field]) => {
  expect(() => new JobProducer(executor, options as never)).toThrow(
    expect.objectContaining({ name: "InvalidInputError", field }) as Error,
  );
});

test("a name with quotes, dots and backslashes is one name, and is quoted", () => {
  expect(tableNames({ schema: 'a"b', table: "c.d\\" })).toMatchObject({ jobs: '"a""b"."c.d\\"' });
});

test("an error never shows a whole payload, and nothing of a long value", async () => {
  const secret = text(41);
  const error = await refusal(() => store.enqueue("a", { secret: `${secret}\u0000` }));
  expect(String(error)).not.toContain(secret);
  expect(error).toMatchObject({ received: "a string of 42 characters" });
  const huge = await refusal(() => store.enqueue("a", { n: 10n ** 5_000n }));
  expect(String(huge).length).toBeLessThan(300);
});
