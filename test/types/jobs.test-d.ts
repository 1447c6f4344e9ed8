// From enqueue to handler: what compiles, and what must not. Compiled by `npm run types`, never run.
import { defineJob, drainOnce, executor as ownExecutor, PgJobStore, Worker } from "pqrun";
import type {
  DrainOptions,
  Handlers,
  InputOf,
  Job,
  JobContext,
  JobOf,
  OutputOf,
  ResultOf,
  SqlExecutor,
  WorkerOptions,
} from "pqrun";
import { drainAfter, scheduledDrain, type WaitsUntil } from "pqrun/cloudflare";
import { drainRoute } from "pqrun/fetch";
import { JobProducer } from "pqrun/producer";
import { pgExecutor } from "pqrun/pg";
import type { Pool, PoolClient } from "pg";
import { expectTypeOf } from "vitest";
import { z } from "zod";

import { STORE_OPTIONS } from "../../src/core/producer.ts";
import type { StoreOptions } from "../../src/core/store.ts";
import { RUNNER_OPTIONS } from "../../src/runners/known-options.ts";

declare const pool: Pool;
declare const client: PoolClient;
declare const executor: SqlExecutor;
/** As TypeORM declares it. */
declare const manager: {
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- TypeORM's own signature
  query<T = any>(query: string, parameters?: any[]): Promise<T>;
  readonly queryRunner?: object;
  transaction<T>(work: (manager: unknown) => Promise<T>): Promise<T>;
};

export const noExecutors = (): unknown => [
  // @ts-expect-error -- a pool is no executor
  new PgJobStore(pool),
  // @ts-expect-error -- nor is a client
  new PgJobStore(client),
  // @ts-expect-error -- nor an ORM's manager
  new PgJobStore(manager),
  // @ts-expect-error -- nor an object with a query that `executor` has not made one of
  new JobProducer({ query: () => Promise.resolve([]) }),
  // @ts-expect-error -- of which `executor` makes none
  ownExecutor(pool),
  // @ts-expect-error -- nor of a manager
  ownExecutor(manager),
  // @ts-expect-error -- nor of an object without a query
  ownExecutor({}),
];

/** What JSON changes, and what it leaves alone. */
interface Visit {
  readonly at: Date;
  readonly page: URL;
  readonly tags?: readonly { readonly since: Date | null }[];
  readonly pair: [number, Date];
  go(): void;
}

/** An interface has no index signature. */
interface Letter {
  readonly to: string;
  readonly lines?: readonly string[];
}

export const jobs = {
  summarize: defineJob({ payload: z.object({ conversationId: z.number() }), timeoutSeconds: 300 }),
  // Input and output differ: a default, a transform, a coercion.
  at: defineJob({
    payload: z.object({ when: z.string().transform((text) => new Date(text)), times: z.number().default(1) }),
    result: z.object({ done: z.boolean() }),
  }),
  embed: defineJob<{ text: string }, { dimensions: number }>(),
  letter: defineJob<Letter>({ maxAttempts: 3 }),
  tick: defineJob<Record<string, never>>(),
  visit: defineJob<Visit>(),
};
type Jobs = typeof jobs;

expectTypeOf<InputOf<Jobs["summarize"]>>().toEqualTypeOf<{ conversationId: number }>();
expectTypeOf<OutputOf<Jobs["summarize"]>>().toEqualTypeOf<{ conversationId: number }>();
expectTypeOf<InputOf<Jobs["at"]>>().toEqualTypeOf<{ when: string; times?: number | undefined }>();
expectTypeOf<OutputOf<Jobs["at"]>>().toEqualTypeOf<{ when: Date; times: number }>();
expectTypeOf<ResultOf<Jobs["at"]>>().toEqualTypeOf<{ done: boolean }>();
expectTypeOf<OutputOf<Jobs["embed"]>>().toEqualTypeOf<{ text: string }>();
expectTypeOf<ResultOf<Jobs["embed"]>>().toEqualTypeOf<{ dimensions: number }>();
expectTypeOf<InputOf<Jobs["letter"]>>().toEqualTypeOf<Letter>();
expectTypeOf<ResultOf<Jobs["letter"]>>().toEqualTypeOf<unknown>();

expectTypeOf<OutputOf<Jobs["letter"]>>().toEqualTypeOf<Letter>();
expectTypeOf<InputOf<Jobs["visit"]>>().toEqualTypeOf<Visit>();
expectTypeOf<OutputOf<Jobs["visit"]>>().toEqualTypeOf<{
  readonly at: string;
  readonly page: string;
  readonly tags?: readonly { readonly since: string | null }[];
  readonly pair: [number, string];
}>();

const store = new PgJobStore(pgExecutor(pool), { jobs });
const producer = new JobProducer(executor, { jobs });

export async function enqueues(letter: Letter): Promise<void> {
  const { id, created } = await store.enqueue(
    "summarize",
    { conversationId: 1 },
    { dedupeKey: "k", runAfter: new Date() },
  );
  expectTypeOf<typeof id>().toEqualTypeOf<string>();
  expectTypeOf<typeof created>().toEqualTypeOf<boolean>();
  await store.enqueue("at", { when: "2030-01-01" });
  await store.enqueue(
    "at",
    { when: "2030-01-01", times: 2 },
    { priority: 1, maxAttempts: 2, timeoutSeconds: 3 },
  );
  await store.enqueue("letter", letter);
  await store.enqueue("tick", {});
  await producer.enqueue("embed", { text: "t" });
  await store.with(client).enqueue("embed", { text: "t" });
  await store.with(executor).enqueue("embed", { text: "t" });
  await store.enqueueStatement("embed", { text: "t" });
  await store.enqueue("embed", { text: "t" }, { delayMs: 5_000, signal: AbortSignal.timeout(5_000) });
  await store.enqueueMany([{ type: "embed", payload: { text: "t" }, delayMs: 5 }], { signal: undefined });
  await store.cancel("1", { signal: AbortSignal.timeout(5_000) });
  await store.get("1", { signal: AbortSignal.timeout(5_000) });
  await store.get("embed", "1", { signal: AbortSignal.timeout(5_000) });
  // @ts-expect-error -- a signal is the call's, not a job's
  await store.enqueueMany([{ type: "embed", payload: { text: "t" }, signal: AbortSignal.timeout(5_000) }]);
  // @ts-expect-error -- nor a statement's that the caller sends
  await store.enqueueStatement("embed", { text: "t" }, { signal: AbortSignal.timeout(5_000) });
  await store.enqueueMany([
    { type: "embed", payload: { text: "t" }, priority: 1 },
    { type: "letter", payload: letter, dedupeKey: "k" },
  ]);

  // @ts-expect-error -- no such job
  await store.enqueue("summarise", { conversationId: 1 });
  // @ts-expect-error -- another type
  await store.enqueue("summarize", { conversationId: "1" });
  // @ts-expect-error -- a field is missing
  await store.enqueue("summarize", {});
  // @ts-expect-error -- a field too many
  await store.enqueue("embed", { text: "t", tone: "dry" });
  // @ts-expect-error -- the input of a transform is what is enqueued, not its output
  await store.enqueue("at", { when: new Date() });
  // @ts-expect-error -- the payload of another job
  await store.enqueue("letter", { text: "t" });
  // @ts-expect-error -- not an object
  await store.enqueue("embed", "t");
  // @ts-expect-error -- no payload
  await store.enqueue("embed");
  // @ts-expect-error -- no such option
  await store.enqueue("embed", { text: "t" }, { delay: 5 });
  // @ts-expect-error -- a date, not text
  await store.enqueue("embed", { text: "t" }, { runAfter: "2030-01-01" });
  // @ts-expect-error -- the payload of another job, in a list
  await store.enqueueMany([{ type: "embed", payload: { conversationId: 1 } }]);
  // @ts-expect-error -- no such job, in a producer
  await producer.enqueue("nothing", {});
  // @ts-expect-error -- neither the driver's transaction nor an executor
  await store.with(5).enqueue("embed", { text: "t" });
  // @ts-expect-error -- nor is a pool in a transaction
  store.with(pool);
  // @ts-expect-error -- nor an object with a query that `executor` has not made one of
  store.with({ query: () => Promise.resolve([]) });
  // @ts-expect-error -- nor an ORM's manager
  store.with(manager);
  // @ts-expect-error -- nor nothing
  store.with(undefined);
  store.with(ownExecutor({ query: (text, params) => manager.query(text, params as unknown[]) }));
}

const handlers: Handlers<Jobs, never, "summarize" | "at" | "embed"> = {
  summarize: async (ctx) => {
    expectTypeOf<typeof ctx.payload>().toEqualTypeOf<{ conversationId: number }>();
    expectTypeOf<typeof ctx.job.id>().toEqualTypeOf<string>();
    await ctx.store.enqueue("embed", { text: "t" });
    // @ts-expect-error -- the handler's store knows the contracts too
    await ctx.store.enqueue("embed", { text: 5 });
    return { anything: 1 };
  },
  at: (ctx) => {
    expectTypeOf<typeof ctx.payload>().toEqualTypeOf<{ when: Date; times: number }>();
    return { done: ctx.payload.when.getTime() > 0 };
  },
  embed: async (ctx) => {
    await ctx.settleIn(executor, { dimensions: 3 });
    // @ts-expect-error -- another result
    await ctx.settleIn(executor, { dimensions: "3" });
    // @ts-expect-error -- another result
    ctx.settleStatement({});
    return { dimensions: ctx.payload.text.length };
  },
};

export const wrong: readonly Partial<Handlers<Jobs>>[] = [
  // @ts-expect-error -- another result
  { at: () => ({ done: "yes" }) },
  // @ts-expect-error -- no result
  { embed: () => undefined },
  // @ts-expect-error -- another result, in a promise
  { embed: () => Promise.resolve({ dimension: 3 }) },
  // @ts-expect-error -- no such job
  { summarise: () => undefined },
  // @ts-expect-error -- no such field
  { letter: (ctx) => String(ctx.payload.from) },
  // @ts-expect-error -- no function
  { letter: 5 },
];

const others: Omit<Handlers<Jobs>, keyof typeof handlers> = {
  letter: (ctx) => ctx.payload.to,
  tick: () => undefined,
  visit: (ctx) => ctx.payload.at,
};
declare const ctx: WaitsUntil;

export const runners = (): unknown => [
  new Worker({ store, handlers: { ...handlers, ...others }, concurrency: 10 }),
  drainOnce({ store, handlers: { ...handlers, ...others }, budgetMs: 1_000 }),
  new Worker({ store, types: ["summarize", "at", "embed"], handlers }),
  drainOnce({ store, types: ["embed"], handlers, budgetMs: 1_000 }),
  // Written in place, the handlers are typed by the store's contracts.
  new Worker({ store, types: ["at"], handlers: { at: (ctx) => ({ done: ctx.payload.times > 0 }) } }),
  drainOnce({
    store,
    budgetMs: 1_000,
    types: ["letter"],
    handlers: { letter: (ctx) => ctx.payload.lines?.length },
  }),
  // @ts-expect-error -- a contract without a handler
  new Worker({ store, handlers }),
  // @ts-expect-error -- a contract without a handler
  drainOnce({ store, handlers, budgetMs: 1_000 }),
  // @ts-expect-error -- one of the types has no handler
  new Worker({ store, types: ["at", "letter"], handlers }),
  // @ts-expect-error -- one of the types has no handler
  drainOnce({ store, types: ["letter"], handlers, budgetMs: 1_000 }),
  // @ts-expect-error -- no such type
  new Worker({ store, types: ["summarise"], handlers }),
  // @ts-expect-error -- another result
  new Worker({ store, types: ["at"], handlers: { at: () => ({ done: 1 }) } }),
  // @ts-expect-error -- no such job
  drainOnce({ store, budgetMs: 1_000, types: ["nothing"], handlers: { nothing: () => 1 } }),
  // @ts-expect-error -- no budget
  drainOnce({ store, types: ["embed"], handlers }),
];

/** Every way to a runner asks for the handlers. */
export const integrations = (): unknown => [
  drainRoute({ store, handlers: { ...handlers, ...others }, budgetMs: 1_000, secret: "s" }),
  drainRoute({ store, types: ["embed"], handlers, budgetMs: 1_000, secret: "s" }),
  scheduledDrain(() => ({ store, types: ["embed"], handlers })),
  // @ts-expect-error -- a contract without a handler
  drainRoute({ store, handlers, budgetMs: 1_000, secret: "s" }),
  // @ts-expect-error -- a contract without a handler
  scheduledDrain(() => ({ store, handlers })),
];

export function afterResponse(): void {
  drainAfter(ctx, { store, types: ["embed"], handlers });
  // @ts-expect-error -- a contract without a handler
  drainAfter(ctx, { store, handlers });
  // @ts-expect-error -- one of the types has no handler
  drainAfter(ctx, { store, types: ["letter"], handlers });
}

/** Names that only the program knows. */
export const computed = (any: PgJobStore, type: string): unknown =>
  drainOnce({
    store: any,
    budgetMs: 1_000,
    types: [type],
    handlers: {
      [type]: (ctx) => {
        expectTypeOf<(typeof ctx.payload)["a"]>().toEqualTypeOf<unknown>();
      },
    },
  });

expectTypeOf(STORE_OPTIONS).toEqualTypeOf<Readonly<Record<keyof StoreOptions, true>>>();
expectTypeOf(RUNNER_OPTIONS).toEqualTypeOf<
  Readonly<Record<keyof DrainOptions | keyof WorkerOptions, true>>
>();

/** A handler may stand by itself. */
export async function embed(ctx: JobContext<Jobs, "embed">): Promise<{ dimensions: number }> {
  return Promise.resolve({ dimensions: ctx.payload.text.length });
}
export const apart: Pick<Handlers<Jobs>, "embed"> = { embed };

/** Without contracts: any type, any object, and a payload of unknown fields. */
export async function untyped(letter: Letter): Promise<void> {
  const any = new PgJobStore(executor);
  await any.enqueue("whatever", { a: [1, { b: null }] });
  await any.enqueueMany([{ type: "x", payload: {} }]);
  // An interface is an object, though it has no index signature.
  await any.enqueue("whatever", letter);
  await any.enqueueMany([{ type: "x", payload: letter }]);
  // @ts-expect-error -- a list is no payload
  await any.enqueue("whatever", [1]);
  // @ts-expect-error -- nor is a Map
  await any.enqueue("whatever", new Map());
  // @ts-expect-error -- a payload is an object
  await any.enqueue("whatever", 5);
  // @ts-expect-error -- a type is text
  await any.enqueue(5, {});
  await drainOnce({
    store: any,
    budgetMs: 1_000,
    handlers: {
      whatever: (ctx) => {
        expectTypeOf<(typeof ctx.payload)["a"]>().toEqualTypeOf<unknown>();
        // @ts-expect-error -- nothing is known of it
        return ctx.payload["a"].length as number;
      },
    },
  });
}

// @ts-expect-error -- a payload is an object
export const ofText = defineJob<string>();
// @ts-expect-error -- a payload is an object, to a schema too
export const ofNumber = defineJob({ payload: z.number() });
// @ts-expect-error -- no schema
export const ofNothing = defineJob({ payload: { type: "object" } });

/** A row is typed by its contract where that is named: its payload as JSON gives it back, before the schema of a handler. */
export async function reads(): Promise<void> {
  const embedded = await store.get("embed", "1");
  expectTypeOf(embedded).toEqualTypeOf<JobOf<Jobs, "embed"> | null>();
  if (embedded === null) return;
  expectTypeOf(embedded.type).toEqualTypeOf<"embed">();
  expectTypeOf(embedded.payload).toEqualTypeOf<{ text: string }>();
  expectTypeOf(embedded.result).toEqualTypeOf<{ dimensions: number } | null>();
  const visit = await store.get("visit", "1");
  expectTypeOf(visit?.payload.at).toEqualTypeOf<string | undefined>();
  expectTypeOf(visit?.result).toEqualTypeOf<unknown>();
  const at = await store.get("at", "1");
  expectTypeOf(at?.payload).toEqualTypeOf<{ when: string; times?: number | undefined } | undefined>();
  expectTypeOf(at?.result).toEqualTypeOf<{ done: boolean } | null | undefined>();
  expectTypeOf(await store.get("1")).toEqualTypeOf<Job | null>();
  // Without contracts a payload is an object of which nothing is known.
  const any = await new PgJobStore(executor).get("whatever", "1");
  expectTypeOf(any?.result).toEqualTypeOf<unknown>();
  // @ts-expect-error -- no such job
  await store.get("summarise", "1");
  // @ts-expect-error -- no such field
  String(embedded.result?.size);
}

/** A row that was read is no lease, and an id alone settles nothing. */
export async function settles(): Promise<void> {
  const [job] = await store.pickup({ types: ["embed"] });
  if (job !== undefined) await store.markDone(job, { dimensions: 3 });
  // @ts-expect-error -- a bare id
  await store.markDone("1");
  // @ts-expect-error -- a number is no id
  await store.get(1);
  const row = await store.get("1");
  // @ts-expect-error -- a row has no lease of this caller's: its locked_by may be null
  if (row !== null) await store.markDone(row);
}
