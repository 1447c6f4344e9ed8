import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { arrayOf } from "../support/array-text.ts";
import { around, noting } from "../support/between.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

const many = (count: number): number[] => Array.from({ length: count }, (_, n) => n);
const jobsOf = ({ params }: SqlStatement): readonly unknown[] => arrayOf(params[0]);

test("enqueues of one moment share a statement, and so do those that come while it is under way", async () => {
  const sent: SqlStatement[] = [];
  const { store } = await queue.session({ between: noting(sent) });
  const first = store.enqueue("a", { n: 0 });
  while (sent.length === 0) await Promise.resolve();
  const answers = await Promise.all([first, ...many(199).map((n) => store.enqueue("a", { n: n + 1 }))]);
  expect(sent.splice(0).map((statement) => jobsOf(statement).length)).toEqual([1, 199]);
  const rows = await queue.rows("SELECT id::text, (payload->>'n')::int AS n FROM jobs ORDER BY n");
  expect(rows).toEqual(answers.map(({ id }, n) => ({ id, n })));
});

test("callers that are answered together and call again share the next statement", async () => {
  const sent: SqlStatement[] = [];
  const { store } = await queue.session({ between: noting(sent) });
  await Promise.all(
    many(10).map(async () => {
      for (let n = 0; n < 20; n += 1) await store.enqueue("a", { n });
    }),
  );
  expect(sent.map((statement) => jobsOf(statement).length)).toEqual(many(20).map(() => 10));
});

test("a shared statement has at most 500 jobs and about a mebibyte", async () => {
  const sent: SqlStatement[] = [];
  const { store } = await queue.session({ between: noting(sent) });
  await Promise.all(many(1_101).map(() => store.enqueue("a", {})));
  expect(sent.splice(0).map((statement) => jobsOf(statement).length)).toEqual([500, 500, 101]);
  await Promise.all(many(9).map(() => store.enqueue("a", { x: "x".repeat(300_000) })));
  expect(sent.map((statement) => jobsOf(statement).length)).toEqual([3, 3, 3]);
});

test("each caller is answered after its own job's commit", async () => {
  const { store } = await queue.session();
  const found = await Promise.all(
    many(20).map(async (n) => {
      const { id } = await store.enqueue("a", { n });
      return (await queue.rows("SELECT (payload->>'n')::int AS n FROM jobs WHERE id = $1", [id]))[0]?.["n"];
    }),
  );
  expect(found).toEqual(many(20));
});

test("of jobs that share a statement one that the database refuses fails one caller", async () => {
  const { store } = await queue.session();
  await queue.rows("ALTER TABLE jobs ADD CONSTRAINT polite CHECK (payload->>'n' <> '7')");
  try {
    const answers = await Promise.allSettled(many(12).map((n) => store.enqueue("a", { n })));
    expect(answers.map(({ status }) => status === "rejected")).toEqual(many(12).map((n) => n === 7));
    expect(answers[7]).toMatchObject({ reason: { code: "23514" } });
    expect(await queue.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 11 }]);
  } finally {
    await queue.rows("ALTER TABLE jobs DROP CONSTRAINT polite");
  }
});

test("a shared statement whose outcome is unknown is not sent again, and each caller is told", async () => {
  const sent: SqlStatement[] = [];
  const lock = await queue.session();
  const cutOff = around(async (send) => {
    if (sent.length !== 1) return await send();
    await lock.client.query("BEGIN; LOCK TABLE jobs IN SHARE MODE");
    const answer = send();
    answer.catch(() => undefined); // It is rejected before it is waited for.
    await queue.blocked(own.pid);
    await queue.rows("SELECT pg_terminate_backend($1)", [own.pid]);
    await lock.client.query("ROLLBACK");
    return await answer;
  });
  const own = await queue.session({ between: (executor) => cutOff(noting(sent)(executor)) });
  await own.store.enqueue("a", {});
  const answers = await Promise.allSettled(many(4).map((n) => own.store.enqueue("a", { n })));
  expect(sent.map((statement) => jobsOf(statement).length)).toEqual([1, 4]);
  for (const answer of answers) {
    expect(answer).toMatchObject({ reason: { name: "UnknownOutcomeError", operation: "enqueue" } });
  }
});

test("enqueues of jobs with keys don't share: none may wait for another's rival", async () => {
  const sent: SqlStatement[] = [];
  const { store } = await queue.session({ between: noting(sent) });
  await Promise.all(many(10).map((n) => store.enqueue("a", {}, { dedupeKey: `k${n % 5}` })));
  expect(sent.every((statement) => jobsOf(statement).length === 1)).toBe(true);
  expect(await queue.rows("SELECT count(*)::int AS n FROM jobs")).toEqual([{ n: 5 }]);
});

test.for([
  ["whose connection doesn't outlive a request", { outlivesRequest: false }],
  ["that doesn't say whether its connection outlives a request", { outlivesRequest: undefined }],
] as const)("over an executor %s each enqueue is a statement of its own", async ([, differs]) => {
  const sent: SqlStatement[] = [];
  const { store } = await queue.session({
    between: (executor) => ({ ...noting(sent)(executor), ...differs }) as typeof executor,
  });
  await Promise.all(many(10).map((n) => store.enqueue("a", { n })));
  expect(sent).toHaveLength(10);
});

test("in a caller's transaction each enqueue is a statement of its own, and rolls back with it", async () => {
  const sent: SqlStatement[] = [];
  const { store, client } = await queue.session();
  await client.query("BEGIN");
  const inside = store.with(noting(sent)(pgExecutor(client)));
  await Promise.all(many(3).map((n) => inside.enqueue("a", { n })));
  await client.query("ROLLBACK");
  expect(sent).toHaveLength(3);
  expect(await queue.rows("SELECT FROM jobs")).toEqual([]);
});

test("what fails before it is sent holds up nobody", async () => {
  const { store } = await queue.session({ between: around((send) => send()) });
  const answers = await Promise.allSettled([
    store.enqueue("a", { x: 1n }),
    store.enqueue("a", {}),
    store.enqueue("", {}),
    store.enqueue("a", {}),
  ]);
  expect(answers.map(({ status }) => status)).toEqual(["rejected", "fulfilled", "rejected", "fulfilled"]);
});
