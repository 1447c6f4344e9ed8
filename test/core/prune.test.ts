import { afterEach, describe, expect, test } from "vitest";

import { testQueue, type TestStore } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const OLD = { status: "'DONE'", finished_at: "now() - interval '1 hour'" };
const prune = { olderThanSeconds: 60 } as const;

describe("jobs that are kept don't keep others that stand behind them", () => {
  const kept = {
    "are not finished": "'READY', NULL::timestamptz",
    "finished later": "'DONE', now()",
    "are in a state that wasn't asked for": "'FAILED', now() - interval '1 hour'",
  };
  test.for(Object.entries(kept))("since they %s", async ([, state]) => {
    await queue.rows(
      `INSERT INTO jobs (job_type, status, finished_at) SELECT 'a', s::job_status, f FROM generate_series(1, 3000) n, LATERAL (SELECT ${state}) k(s, f)`,
    );
    await queue.insert(OLD);
    expect(await store.prune({ ...prune, statuses: ["DONE"] })).toEqual({ deleted: 1, more: false });
  });
});

test("what is old goes within a few prunes, wherever it is in a large table", async () => {
  // A hundred pages and more, of which one prune looks at some.
  await queue.rows(
    "INSERT INTO jobs (job_type, status, finished_at) SELECT 'a', 'FAILED', now() - interval '1 hour' FROM generate_series(1, 20000)",
  );
  await queue.rows(
    "UPDATE jobs SET status = 'DONE' WHERE id IN (SELECT id FROM jobs ORDER BY id OFFSET 9000 LIMIT 2000)",
  );
  let deleted = 0;
  for (let n = 0; n < 1_000 && deleted < 2_000; n += 1)
    deleted += (await store.prune({ ...prune, statuses: ["DONE"] })).deleted;
  expect(deleted).toBe(2_000);
  expect(await queue.rows("SELECT status::text, count(*)::int AS n FROM jobs GROUP BY 1")).toEqual([
    { status: "FAILED", n: 18_000 },
  ]);
});

test("of more than its limit a prune deletes as many, those that were enqueued first", async () => {
  await queue.rows(
    `INSERT INTO jobs (id, job_type, status, finished_at)
     SELECT n, 'a', (CASE WHEN n % 2 = 0 THEN 'DONE' ELSE 'FAILED' END)::job_status, now() - interval '1 hour'
       FROM generate_series(1, 20000) n`,
  );
  const done = { ...prune, statuses: ["DONE"] } as const;
  expect(await store.prune(done)).toEqual({ deleted: 1_000, more: true });
  expect(await queue.rows("SELECT min(id)::int AS n FROM jobs WHERE status = 'DONE'")).toEqual([
    { n: 2_002 },
  ]);
  expect(await store.prune({ ...done, limit: 10 })).toEqual({ deleted: 10, more: true });
});

test("the jobs that were enqueued first are found wherever their rows are", async () => {
  await queue.rows(
    `INSERT INTO jobs (id, job_type, status, finished_at)
     SELECT 40001 - n, 'a', (CASE WHEN n <= 39999 THEN 'FAILED' ELSE 'DONE' END)::job_status, now() - interval '1 hour'
       FROM generate_series(1, 40000) n`,
  );
  expect(await store.prune({ ...prune, statuses: ["DONE"] })).toEqual({ deleted: 1, more: false });
});

describe("rules", () => {
  const day = 86_400;
  /** Inserts a job of each type in each state, that ended one, ten and a hundred days ago. */
  const insertAll = async (): Promise<void> => {
    await queue.rows(
      `INSERT INTO jobs (job_type, status, finished_at)
       SELECT t, s::job_status, CASE WHEN s <> 'READY' THEN now() - (d || ' days')::interval END
         FROM unnest(ARRAY['a', 'b', 'c']) t, unnest(ARRAY['DONE', 'FAILED', 'CANCELLED', 'READY']) s, unnest(ARRAY[1, 10, 100]) d`,
    );
  };
  const LEFT = `SELECT job_type || ' ' || status || coalesce(' ' || (extract(epoch FROM now() - finished_at) / ${day})::int, '') AS kept
                  FROM jobs WHERE status <> 'READY' OR job_type = 'a' ORDER BY job_type, status::text, finished_at DESC`;
  const left = async (): Promise<unknown[]> => (await queue.rows(LEFT)).map(({ kept }) => kept);
  const ready = ["a READY", "a READY", "a READY"];

  test("keep each job for as long as the most specific one that fits it says, in whatever order they are", async () => {
    const rules = [
      { status: "FAILED", olderThanSeconds: 30 * day },
      { type: "a", olderThanSeconds: 1_000 * day },
      { type: "a", status: "DONE", olderThanSeconds: 0 },
      { type: "b", olderThanSeconds: 5 * day },
    ] as const;
    const kept = [
      ...["a CANCELLED 1", "a CANCELLED 10", "a CANCELLED 100"],
      ...["a FAILED 1", "a FAILED 10", "a FAILED 100", ...ready],
      // Its type's rule comes before its state's.
      ...["b CANCELLED 1", "b DONE 1", "b FAILED 1"],
      ...["c CANCELLED 1", "c CANCELLED 10", "c DONE 1", "c DONE 10", "c FAILED 1", "c FAILED 10"],
    ];
    for (const ordered of [rules, rules.toReversed()]) {
      await queue.rows("TRUNCATE jobs");
      await insertAll();
      const answer = await store.prune({ olderThanSeconds: 50 * day, rules: ordered });
      expect(answer).toEqual({ deleted: 12, more: false });
      expect((await left()).toSorted()).toEqual(kept.toSorted());
    }
  });

  test("delete nothing of other states and types than are asked for", async () => {
    await insertAll();
    const rules = [{ type: "a", olderThanSeconds: 0 }];
    const which = { olderThanSeconds: 5 * day, rules, statuses: ["DONE"], types: ["a", "b"] } as const;
    expect(await store.prune(which)).toEqual({ deleted: 5, more: false });
    const others = (await left()).filter((kept) => /^(c|\w (FAILED|CANCELLED))/.test(String(kept)));
    expect(others).toHaveLength(9 + 12);
    expect(await store.prune({ olderThanSeconds: 0, types: [] })).toEqual({ deleted: 0, more: false });
    expect(await store.prune({ olderThanSeconds: 0, statuses: [] })).toEqual({ deleted: 0, more: false });
  });

  test("hold for a type of any name", async () => {
    const names = ["__proto__", 'it\'s "1"\\', "ключ", ""];
    for (const name of names) {
      await queue.rows(
        "INSERT INTO jobs (job_type, status, finished_at) VALUES ($1, 'DONE', now() - interval '1 hour')",
        [name],
      );
    }
    for (const type of names.slice(0, 3)) {
      const rules = [{ type, olderThanSeconds: 60 }];
      expect(await store.prune({ olderThanSeconds: day, rules })).toEqual({ deleted: 1, more: false });
    }
    expect(await store.prune({ olderThanSeconds: 60, types: names.slice(0, 3) })).toMatchObject({
      deleted: 0,
    });
    expect(await store.prune({ olderThanSeconds: 60 })).toMatchObject({ deleted: 1 });
  });

  test("don't keep what is old behind any number of jobs that are kept for longer", async () => {
    await queue.rows(
      "INSERT INTO jobs (job_type, status, finished_at) SELECT 'a', 'DONE', now() - interval '1 hour' FROM generate_series(1, 20000)",
    );
    await queue.rows(
      "UPDATE jobs SET job_type = 'b' WHERE id IN (SELECT id FROM jobs ORDER BY id OFFSET 9000 LIMIT 2000)",
    );
    const rules = [{ type: "b", olderThanSeconds: 60 }];
    let deleted = 0;
    for (let n = 0; n < 1_000 && deleted < 2_000; n += 1)
      deleted += (await store.prune({ olderThanSeconds: day, rules })).deleted;
    expect(deleted).toBe(2_000);
    expect(await queue.rows("SELECT job_type, count(*)::int AS n FROM jobs GROUP BY 1")).toEqual([
      { job_type: "a", n: 18_000 },
    ]);
  });

  test("leave a job that a foreign key holds, and it keeps no other", async () => {
    await insertAll();
    const { store: fresh } = await queue.session();
    await queue.rows("CREATE TABLE holds (job_id bigint REFERENCES jobs)");
    try {
      await queue.rows("INSERT INTO holds SELECT min(id) FROM jobs WHERE job_type = 'a' AND status = 'DONE'");
      const rules = [{ type: "a", status: "DONE", olderThanSeconds: 0 }] as const;
      expect(await fresh.prune({ olderThanSeconds: 1_000 * day, rules })).toEqual({
        deleted: 2,
        more: false,
      });
      expect((await left()).filter((kept) => String(kept).startsWith("a DONE"))).toHaveLength(1);
    } finally {
      await queue.rows("DROP TABLE holds");
    }
  });
});

test("a job that is retried meanwhile is not deleted", async () => {
  for (let round = 0; round < 20; round += 1) {
    await queue.rows("TRUNCATE jobs");
    await queue.rows(
      "INSERT INTO jobs (job_type, status, finished_at) SELECT 'a', 'FAILED', now() - interval '1 hour' FROM generate_series(1, 500)",
    );
    const [retried] = await Promise.all([
      queue.rows("UPDATE jobs SET status = 'READY' WHERE id % 2 = 0 RETURNING id"),
      store.prune(prune),
    ]);
    expect(await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'READY'")).toEqual([
      { n: retried.length },
    ]);
  }
});

test("a job that was cancelled without a time is as old as its last change", async () => {
  await queue.insert({ status: "'CANCELLED'", updated_at: "now()" });
  expect(await store.prune(prune)).toEqual({ deleted: 0, more: false });
  await queue.insert({ status: "'CANCELLED'", updated_at: "now() - interval '1 hour'" });
  expect(await store.prune(prune)).toEqual({ deleted: 1, more: false });
});

describe("a job that a foreign key holds stays, and keeps no other", () => {
  afterEach(async () => {
    await queue.rows('DROP TABLE IF EXISTS lines, invoices, "in""voices", logs');
  });
  const invoice = async (table: string, options = ""): Promise<string> => {
    await queue.rows(
      `CREATE TABLE ${table} (id bigserial PRIMARY KEY, "job""s id" bigint REFERENCES jobs ${options})`,
    );
    const id = await queue.insert(OLD);
    await queue.rows(`INSERT INTO ${table} ("job""s id") VALUES ($1)`, [id]);
    return id;
  };
  const left = async (): Promise<unknown[]> =>
    (await queue.rows("SELECT id::text FROM jobs ORDER BY id")).map(({ id }) => id);

  test("whatever the table is called, and however many hold some", async () => {
    await queue.rows("CREATE TABLE lines (id bigint PRIMARY KEY, line bigint REFERENCES lines)");
    const held = [await invoice("invoices"), await invoice('"in""voices"', "ON DELETE RESTRICT")];
    for (let n = 0; n < 5; n += 1) await queue.insert(OLD);
    const { store: fresh } = await queue.session();
    expect(await fresh.prune(prune)).toEqual({ deleted: 5, more: false });
    expect(await left()).toEqual(held);
  });

  test("and one whose key lets it go, goes", async () => {
    const held = await invoice("invoices");
    await invoice("logs", "ON DELETE CASCADE");
    const { store: fresh } = await queue.session();
    expect(await fresh.prune(prune)).toEqual({ deleted: 1, more: false });
    expect(await left()).toEqual([held]);
  });

  test("and once one was met, a prune is one statement again", async () => {
    const held = await invoice("invoices");
    let statements = 0;
    const { store: counted } = await queue.session({
      between: (executor) => ({
        ...executor,
        query: (...args) => {
          statements += 1;
          return executor.query(...args);
        },
      }),
    });
    const sent = async (): Promise<number> => {
      statements = 0;
      await queue.insert(OLD);
      expect(await counted.prune(prune)).toEqual({ deleted: 1, more: false });
      return statements;
    };
    expect([await sent(), await sent()]).toEqual([3, 1]);
    expect(await left()).toEqual([held]);
  });

  test("in a caller's transaction too, which goes on", async () => {
    const held = await invoice("invoices");
    await queue.insert(OLD);
    const { store: fresh } = await queue.session();
    const { client } = await queue.session();
    await client.query("BEGIN");
    const inside: Pick<TestStore, "prune"> = fresh.with(client);
    expect(await inside.prune(prune)).toEqual({ deleted: 1, more: false });
    await client.query("COMMIT");
    expect(await left()).toEqual([held]);
  });
});
