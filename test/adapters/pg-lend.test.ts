import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { PgPool } from "../../src/adapters/pg/pg-driver.ts";
import { testPool } from "../support/pool.ts";
import { freshDatabase } from "../support/postgres.ts";

/** More than it takes from a pool's answer to the statement that waited for it. */
const MICROTASKS = 20;

test("a client has one borrower, whenever the signal of one fires", async () => {
  await using database = await freshDatabase();
  const pool = testPool(database.url, { max: 1 });
  for (let after = 0; after < MICROTASKS; after += 1) {
    const limit = new AbortController();
    const abort = (left: number): void => {
      if (left === 0) limit.abort(new Error("too late"));
      else
        queueMicrotask(() => {
          abort(left - 1);
        });
    };
    const lending: PgPool = {
      totalCount: 0,
      connect: async () => {
        const client = await pool.connect();
        abort(after);
        return client;
      },
    };
    const aborted = pgExecutor(lending).query("SELECT 1", [], { signal: limit.signal });
    const next = pool.connect();
    await expect(aborted).rejects.toThrow("too late");
    const client = await next;
    await client.query("SELECT 2");
    client.release();
  }
  await pool.end();
});
