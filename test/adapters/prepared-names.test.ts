import postgres from "postgres";
import { beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { postgresExecutor } from "../../src/adapters/postgres/postgres.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { testPool } from "../support/pool.ts";
import { testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();

/** A store over one session, with `prepare: true`. */
interface Prepared {
  readonly store: TestStore;
  readonly executor: SqlExecutor;
  /** The texts that the session has by name. */
  readonly prepared: () => Promise<readonly unknown[]>;
  /** As a colleague does, or a pooler between two of its clients. */
  readonly discardAll: () => Promise<unknown>;
}

/** Without the driver's own `commit`. */
const TEXTS = "SELECT statement FROM pg_prepared_statements WHERE statement <> 'commit'";

function overPg(): Prepared {
  const pool = testPool(queue.url, { max: 1 });
  onTestFinished(() => pool.end());
  const executor = pgExecutor(pool, { prepare: true });
  return {
    store: new PgJobStore(executor),
    executor,
    prepared: async () => (await pool.query<{ statement: string }>(TEXTS)).rows.map((row) => row.statement),
    discardAll: () => pool.query("DISCARD ALL"),
  };
}

function overPostgres(): Prepared {
  const sql = postgres(queue.url, { max: 1, fetch_types: false, onnotice: () => undefined });
  onTestFinished(() => sql.end({ timeout: 0 }));
  const executor = postgresExecutor(sql, { prepare: true }) as SqlExecutor;
  return {
    store: new PgJobStore(executor),
    executor,
    prepared: async () => (await sql.unsafe(TEXTS).simple()).map((row) => row["statement"] as unknown),
    discardAll: () => sql.unsafe("DISCARD ALL").simple(),
  };
}

for (const [name, open] of Object.entries({ pg: overPg, "postgres.js": overPostgres })) {
  describe(name, () => {
    let it: Prepared;
    beforeEach(() => {
      it = open();
    });

    test("only pqrun's own statements are named, and none in a transaction", async () => {
      await it.executor.query("SELECT $1::text AS a", ["the application's"]);
      await it.store.transaction(async (tx) => {
        await tx.query("SELECT $1::text AS a, $2::text AS b", ["the", "application's"]);
        await it.store.with(tx).enqueue("a", {});
      });
      expect(await it.prepared()).toEqual([]);
      await it.store.enqueue("a", {});
      expect(await it.prepared()).toEqual([expect.stringContaining("jobs")]);
    });

    test("a session that is reset before each statement refuses none", async () => {
      for (let round = 0; round < 20; round += 1) {
        await it.store.enqueue("a", {});
        await it.discardAll();
      }
      await it.store.transaction((tx) => it.store.with(tx).enqueue("a", {}));
      expect(await queue.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 21 }]);
    });

    test("what else the server refuses is refused, and once", async () => {
      await queue.rows(`CREATE OR REPLACE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS
        $$ BEGIN PERFORM nextval('refusals'); RAISE 'no' USING ERRCODE = '0A000'; END $$;
        DROP SEQUENCE IF EXISTS refusals; CREATE SEQUENCE refusals;
        CREATE TRIGGER refuse BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION refuse()`);
      onTestFinished(async () => {
        await queue.rows("DROP TRIGGER refuse ON jobs");
      });
      expect(await it.store.enqueue("a", {}).then(() => "written", sqlState)).toBe("0A000");
      expect(await queue.rows("SELECT last_value::int AS n FROM refusals")).toEqual([{ n: 1 }]);
    });
  });
}

test("pg: after eight resets a session's statement goes without a name, or a pooler's sessions would fill with names", async () => {
  const { store, prepared, discardAll } = overPg();
  const named: number[] = [];
  for (let round = 0; round < 12; round += 1) {
    await store.enqueue("a", {});
    named.push((await prepared()).length);
    await discardAll();
  }
  expect(named).toEqual([1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0, 0]);
});
