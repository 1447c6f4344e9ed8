import { describe, expect, test } from "vitest";

import { defineJob } from "../../src/core/contract.ts";
import { isLeaseLost } from "../../src/core/sql/lease-lost.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { sqlState, type SqlExecutor } from "../../src/executor.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { Orm, OrmDatabase } from "./orm.ts";

const jobs = { invoice: defineJob<{ n: number }>(), other: defineJob<{ n: number }>() };

/** What an application does with a queue in the transactions of its ORM. */
export function checks<Tx>(database: OrmDatabase, orm: Orm<Tx>): void {
  const { rival } = database;
  const store = new PgJobStore(orm.wrap(rival), { jobs, logger: false });
  /** Through the rival alone, as another process is. */
  const elsewhere = new PgJobStore(rival, { jobs, logger: false });
  const invoices = async (): Promise<readonly string[]> =>
    (await elsewhere.list({ types: ["invoice"] })).map(({ status }) => status);
  const pickUp = async (n: number): ReturnType<typeof elsewhere.pickup> => {
    for (let i = 0; i < n; i += 1) await elsewhere.enqueue("invoice", { n: i });
    return await elsewhere.pickup({ types: ["invoice"], limit: n, workerId: "w", leaseMs: 60_000 });
  };
  const first = async (): Promise<Awaited<ReturnType<typeof pickUp>>[number]> => {
    const [job] = await pickUp(1);
    if (job === undefined) throw new Error("nothing was picked up");
    return job;
  };

  describe(`${orm.name}: what an application does in a transaction`, () => {
    test("an order and its job are written together, the job is seen with its type, and others see neither before", async () => {
      await database.empty();
      const id = await orm.transaction(async (tx) => {
        await orm.insertOrder(tx, "a");
        const { id } = await store.with(tx).enqueue("invoice", { n: 1 });
        const job = await store.with(tx).get("invoice", id);
        const n: number | undefined = job?.payload.n;
        expect([n, job?.status]).toEqual([1, "READY"]);
        expect([await database.orders(), await invoices()]).toEqual([[], []]);
        return id;
      });
      expect([await database.orders(), await invoices()]).toEqual([["a"], ["READY"]]);
      expect((await elsewhere.get(id))?.payload).toEqual({ n: 1 });
    });

    test("what is rolled back leaves neither", async () => {
      await database.empty();
      const reason = new Error("no");
      const failing = orm.transaction(async (tx) => {
        await orm.insertOrder(tx, "a");
        await store.with(tx).enqueue("invoice", { n: 1 });
        throw reason;
      });
      await expect(failing).rejects.toBe(reason);
      expect([await database.orders(), await invoices()]).toEqual([[], []]);
    });

    test("a dedupe key finds its job, in the transaction and after it", async () => {
      await database.empty();
      const enqueue = (tx: Tx): ReturnType<typeof store.enqueue> =>
        store.with(tx).enqueue("invoice", { n: 1 }, { dedupeKey: "k" });
      const [one, two] = await orm.transaction(async (tx) => [await enqueue(tx), await enqueue(tx)] as const);
      const three = await orm.transaction(enqueue);
      expect([one.created, two, three]).toEqual([
        true,
        { id: one.id, created: false },
        { id: one.id, created: false },
      ]);
    });

    test("five hundred jobs are one statement, and come in order", async () => {
      await database.empty();
      const list = Array.from({ length: 500 }, (_, n) => ({ type: "invoice" as const, payload: { n } }));
      const made = await orm.transaction((tx) => store.with(tx).enqueueMany(list));
      const page = await elsewhere.list({ limit: 500 });
      expect(page.map(({ id }) => id).reverse()).toEqual(made.map(({ id }) => id));
      expect(page.map(({ payload }) => payload).reverse()).toEqual(list.map(({ payload }) => payload));
    });

    test("jobs are listed, cancelled, retried, pruned and counted, and the transaction commits", async () => {
      await database.empty();
      const failed = await first();
      await elsewhere.markError(failed, new Error("no"), { terminal: true });
      const ready = await elsewhere.enqueue("other", { n: 2 });
      await orm.transaction(async (tx) => {
        const inside = store.with(tx);
        expect((await inside.list()).map(({ status }) => status)).toEqual(["READY", "FAILED"]);
        expect(await inside.retry(failed.id)).toEqual({ retried: true, status: "READY" });
        expect(await inside.cancel(ready.id)).toMatchObject({ cancelled: true });
        expect((await inside.stats()).counts).toMatchObject({ READY: 1, CANCELLED: 1 });
        expect((await inside.page({ types: ["other"] })).jobs).toHaveLength(1);
        await inside.prune({ olderThanSeconds: 0, statuses: ["CANCELLED"] });
        expect(await inside.reapStale()).toEqual([]);
        await orm.insertOrder(tx, "a");
      });
      expect([await database.orders(), await invoices()]).toEqual([["a"], ["READY"]]);
    });

    test("no refusal of pqrun's ends the transaction: what was caught leaves it usable, and it commits", async () => {
      await database.empty();
      const failed = await first();
      await elsewhere.markError(failed, new Error("no"), { terminal: true });
      await rival.query("UPDATE public.jobs SET dedupe_key = 'k'");
      await elsewhere.enqueue("invoice", { n: 1 }, { dedupeKey: "k" });
      // A row of the application's holds the job that a prune would delete.
      await rival.query("CREATE TABLE public.holds (job bigint REFERENCES public.jobs (id))");
      try {
        await rival.query("INSERT INTO public.holds VALUES ($1::text::int8)", [failed.id]);
        await orm.transaction(async (tx) => {
          const inside = store.with(tx);
          const caught: unknown[] = [];
          const stale = { ...failed, lockedBy: "another" };
          const refused = (work: Promise<unknown>): Promise<unknown> =>
            work.catch((error: unknown) => caught.push((error as Error).name));
          await refused(inside.enqueue("other", { n: 1 }, { dedupeKey: "k" }));
          await refused(inside.enqueueMany([{ type: "other", payload: { n: 1 }, dedupeKey: "k" }]));
          await refused(inside.enqueue("invoice", { n: 1 }, { priority: 0.5 }));
          await refused(inside.markDone(stale));
          await refused(inside.markError(stale, "x"));
          await refused(inside.release(stale));
          expect(caught).toEqual([
            ...["DedupeConflictError", "DedupeConflictError", "InvalidInputError"],
            ...["LeaseLostError", "LeaseLostError", "LeaseLostError"],
          ]);
          expect(await inside.retry(failed.id)).toMatchObject({ retried: false, status: "FAILED" });
          expect(await inside.prune({ olderThanSeconds: 0 })).toMatchObject({ deleted: 0 });
          expect(await inside.cancel("1000000")).toMatchObject({ cancelled: false });
          expect(await inside.get("1000000")).toBeNull();
          await orm.insertOrder(tx, "kept");
        });
      } finally {
        await rival.query("DROP TABLE public.holds");
      }
      expect(await database.orders()).toEqual(["kept"]);
    });

    test("settleIn commits with the order, its result too", async () => {
      await database.empty();
      const job = await first();
      await orm.transaction(async (tx) => {
        await orm.insertOrder(tx, "effect");
        await store.settleIn(tx, job, { n: 7 });
      });
      expect([await database.orders(), await invoices()]).toEqual([["effect"], ["DONE"]]);
      expect((await elsewhere.get(job.id))?.result).toEqual({ n: 7 });
    });

    test("settleIn without the lease throws, and no order is written", async () => {
      await database.empty();
      const job = await first();
      const failing = orm.transaction(async (tx) => {
        await orm.insertOrder(tx, "effect");
        await store.settleIn(tx, { ...job, attempts: job.attempts + 1 });
      });
      const error: unknown = await failing.catch((error: unknown) => error);
      expect(isLeaseLost(error)).toBe(true);
      expect([await database.orders(), await invoices()]).toEqual([[], ["RUNNING"]]);
    });

    const outcome = orm.resolvesRolledBackCommit ? "resolves" : "rejects";
    test.each([outcome])("a swallowed loss commits nothing all the same; the transaction %s", async () => {
      await database.empty();
      const job = await first();
      const swallowing = orm.transaction(async (tx) => {
        await orm.insertOrder(tx, "effect");
        await store.settleIn(tx, { ...job, lockedBy: "another" }).catch(() => undefined);
        return "resolves";
      });
      expect(await swallowing.catch(() => "rejects")).toBe(outcome);
      expect([await database.orders(), await invoices()]).toEqual([[], ["RUNNING"]]);
    });

    test("the ORM's own error of a lost lease is recognised, and that of another statement is not", async () => {
      await database.empty();
      const job = await first();
      const { text, params } = store.settleStatement({ ...job, attempts: 9 });
      const lost = await failure((tx) => tx.query(text, params));
      expect([isLeaseLost(lost), sqlState(lost)]).toEqual([true, "22P02"]);
      expect(isLeaseLost(await failure((tx) => tx.query("SELECT 'x'::text::int4 AS a")))).toBe(false);
    });

    test("the SQLSTATE is found in the ORM's errors", async () => {
      await database.empty();
      const states = [
        ["SELECT (1 / $1::text::int4)::text AS a", ["0"], "22012"],
        ["SELECT a FROM public.no_such_table", [], "42P01"],
        ["INSERT INTO public.orders (note) VALUES (NULL) RETURNING note AS a", [], "23502"],
        ["DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '57P01'; END $$", [], "57P01"],
      ] as const;
      for (const [text, params, state] of states) {
        expect(sqlState(await failure((tx) => tx.query(text, params)))).toBe(state);
      }
      const absent = new PgJobStore(orm.wrap(rival), { table: "absent", logger: false });
      const enqueue = orm.transaction((tx) => absent.with(tx).enqueue("a", {}));
      await expect(enqueue).rejects.toMatchObject({ name: "TableError" });
    });

    test("what is in no transaction is refused by name: the ORM's own pool, the driver's, nothing at all", async () => {
      await database.empty();
      for (const tx of [orm.pool, rival, undefined, null, {}]) {
        const refusal = { name: "InvalidInputError", field: "tx" };
        expect(() => store.with(tx as never)).toThrow(expect.objectContaining(refusal) as Error);
      }
      expect(await invoices()).toEqual([]);
    });

    test("six jobs settle in transactions of their handlers; one loses its lease meanwhile, and has one effect", async () => {
      await database.empty();
      await elsewhere.enqueueMany(
        Array.from({ length: 6 }, (_, n) => ({ type: "invoice" as const, payload: { n } })),
      );
      const lost: string[] = [];
      const options = {
        store,
        types: ["invoice"],
        concurrency: 3,
        budgetMs: 100_000,
        logger: false,
      } as const;
      const drain = (): ReturnType<typeof drainOnce> =>
        drainOnce({
          ...options,
          handlers: {
            invoice: async (ctx) => {
              const { n } = ctx.payload;
              const settling = orm.transaction(async (tx) => {
                await orm.insertOrder(tx, `order ${n}`);
                if (n === 2 && ctx.job.attempts === 1) await loseLease(ctx.job.id);
                await ctx.settleIn(tx);
              });
              await settling.catch((error: unknown) => {
                if (isLeaseLost(error)) lost.push(ctx.job.id);
                throw error;
              });
            },
          },
        });
      // The job that was reaped runs again in the same drain.
      expect(await drain()).toMatchObject({ done: 6 });
      expect(lost).toHaveLength(1);
      expect([...(await database.orders())].sort()).toEqual([0, 1, 2, 3, 4, 5].map((n) => `order ${n}`));
      expect(await invoices()).toEqual(Array.from({ length: 6 }, () => "DONE"));
    });
  });

  /** The job is another attempt's by the time this resolves. */
  async function loseLease(id: string): Promise<void> {
    await rival.query(
      "UPDATE public.jobs SET lease_expires_at = now() - interval '1 minute' WHERE id = $1::text::int8",
      [id],
    );
    expect((await elsewhere.reapStale()).map((job) => job.id)).toEqual([id]);
  }

  /** What the ORM rejects with where a statement in its transaction fails. */
  async function failure(work: (tx: SqlExecutor) => Promise<unknown>): Promise<unknown> {
    const { with: through } = orm.wrap(rival);
    if (through === undefined) throw new Error("the wrapper has no with");
    let failed: unknown;
    const failing = orm.transaction((tx) => work(through(tx)));
    await failing.catch((error: unknown) => {
      failed = error;
    });
    return failed;
  }
}
