import { PGlite } from "@electric-sql/pglite";
import { Client } from "pg";
import postgres from "postgres";
import { afterAll, expect, test } from "vitest";

import { bunExecutor } from "../../src/adapters/bun.ts";
import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { pgliteExecutor } from "../../src/adapters/pglite.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import type { SqlRow } from "../../src/core/executor.ts";
import { executor } from "../../src/core/make-executor.ts";
import { JobProducer } from "../../src/core/producer.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { testPool } from "../support/pool.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const pool = testPool(queue.url, { max: 2 });
const sql = postgres(queue.url, { max: 2 });
const pglite = new PGlite();
afterAll(() => Promise.all([pool.end(), sql.end(), pglite.close()]));

/** As an ORM's manager has it. */
class EntityManager {
  readonly queryRunner = {};
  query(): Promise<unknown> {
    return Promise.reject(new Error("sent"));
  }
}

const NO_EXECUTOR: Readonly<Record<string, unknown>> = {
  "a pool": pool,
  "a client": new Client(queue.url),
  "an object with a query that was not made one": { query: () => Promise.resolve([]) },
  "an ORM's manager": new EntityManager(),
  "a URL": queue.url,
  undefined: undefined,
  null: null,
};

const wanted = { name: "InvalidInputError", field: "executor", expected: /executor\(\{ query \}\)/ };

test.for(Object.entries(NO_EXECUTOR))(
  "a store, a producer and migrate refuse %s by name, and nothing is sent",
  async ([, value]) => {
    const refusal = expect.objectContaining({
      name: wanted.name,
      field: wanted.field,
      expected: expect.stringMatching(wanted.expected) as string,
    }) as Error;
    expect(() => new PgJobStore(value as never)).toThrow(refusal);
    expect(() => new JobProducer(value as never)).toThrow(refusal);
    await expect(migrate(value as never)).rejects.toThrow(refusal);
    expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
  },
);

test("what came is named by its class", () => {
  expect(() => new PgJobStore(new EntityManager() as never)).toThrow("an object (EntityManager)");
});

test.for(Object.entries(NO_EXECUTOR).filter(([name]) => !name.startsWith("an object")))(
  "executor refuses %s by name",
  ([, value]) => {
    expect(() => executor(value as never)).toThrow(
      expect.objectContaining({
        name: "InvalidInputError",
        field: "executor",
        expected: expect.stringContaining("`query`") as string,
      }) as Error,
    );
  },
);

const ADAPTERS: Readonly<Record<string, (driver: never) => unknown>> = {
  pg: pgExecutor,
  "postgres.js": postgresExecutor,
  PGlite: pgliteExecutor,
  Bun: bunExecutor,
  Neon: neonExecutor,
};

test.for(Object.entries(ADAPTERS))("%s's adapter refuses a URL, and does not print it", ([, adapter]) => {
  for (const wrong of ["postgres://u:secret@h/d", undefined, null, {}]) {
    let refusal: unknown;
    try {
      adapter(wrong as never);
    } catch (error) {
      refusal = error;
    }
    expect(refusal).toMatchObject({ name: "InvalidInputError" });
    expect((refusal as Error).stack).not.toContain("secret");
  }
});

/** What a store over each driver takes for no transaction: its statements would run outside any. */
const OUTSIDE: Readonly<Record<string, () => readonly [PgJobStore, readonly unknown[]]>> = {
  pg: () => [new PgJobStore(pgExecutor(pool)), [pool, pgExecutor(pool)]],
  "postgres.js": () => [new PgJobStore(postgresExecutor(sql)), [sql, postgresExecutor(sql)]],
  PGlite: () => [new PgJobStore(pgliteExecutor(pglite)), [pglite, pgliteExecutor(pglite)]],
  Neon: () => {
    const http = neonExecutor({ transaction: () => Promise.reject(new Error("sent")) });
    return [new PgJobStore(http), [http]];
  },
  "an executor of one's own": () => [
    new PgJobStore(executor({ query: () => Promise.reject(new Error("sent")) })),
    [executor({ query: () => Promise.resolve([]), transaction: () => Promise.reject(new Error("no")) })],
  ],
};

test.for(Object.entries(OUTSIDE))(
  "over %s, `with` and `settleIn` refuse by name what is in no transaction",
  async ([, open]) => {
    const [store, outside] = open();
    const job = { id: "1", attempts: 1, lockedBy: "w" };
    for (const tx of [...outside, undefined, null, "tx", {}, new EntityManager()]) {
      const refusal = { name: "InvalidInputError", field: "tx" };
      expect(() => store.with(tx as never)).toThrow(expect.objectContaining(refusal) as Error);
      await expect(store.settleIn(tx as never, job)).rejects.toMatchObject(refusal);
    }
    expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
  },
);

test("over Bun, `with` takes the SQL of a transaction and a reserved one, and refuses the client", () => {
  const session = { unsafe: () => Promise.resolve([]) };
  const client = { ...session, begin: () => undefined, listen: () => undefined };
  const store = new PgJobStore(bunExecutor(client as never));
  expect(store.with({ ...client, savepoint: () => undefined })).toBeInstanceOf(PgJobStore);
  expect(store.with({ ...client, release: () => undefined })).toBeInstanceOf(PgJobStore);
  expect(() => store.with(client as never)).toThrow(expect.objectContaining({ field: "tx" }) as Error);
});

test("an executor of one's own speaks through any driver: a job is enqueued in its transaction, and is run", async () => {
  const { client } = await queue.session();
  const through = executor({
    query: async (text, params = []) => (await client.query<SqlRow>(text, [...params])).rows,
  });
  const store = new PgJobStore(through);
  await client.query("BEGIN");
  const { id } = await queue.store.with(through).enqueue("a", { n: 1 });
  expect(await queue.store.get(id)).toBeNull();
  await client.query("COMMIT");
  const seen: unknown[] = [];
  const handlers = { a: (ctx: { payload: unknown }) => void seen.push(ctx.payload) };
  expect(await drainOnce({ store, handlers, budgetMs: 10_000 })).toMatchObject({ done: 1 });
  expect(seen).toEqual([{ n: 1 }]);
});

test("where its query resolves to no rows, an enqueue says that its outcome is unknown, and why", async () => {
  const store = new PgJobStore(
    executor({ query: (text, params) => pool.query(text, [...(params ?? [])]) as never }),
  );
  await expect(store.enqueue("a", {})).rejects.toMatchObject({
    name: "UnknownOutcomeError",
    message: expect.stringContaining("list of rows") as string,
  });
  expect(await queue.rows("SELECT FROM jobs")).toHaveLength(1);
});
