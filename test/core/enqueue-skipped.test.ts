import { afterEach, beforeEach, expect, test } from "vitest";

import { isPqrunError } from "../../src/core/errors.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = await queue.session();

/** A trigger of the application's that lets no job of type `skipped` in, and renames those of type `old`. */
await queue.rows(`CREATE FUNCTION choose() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
  IF NEW.job_type = 'skipped' THEN RETURN NULL; END IF;
  IF NEW.job_type = 'old' THEN NEW.job_type := 'new'; END IF;
  RETURN NEW; END $$`);
beforeEach(async () => {
  await queue.rows("CREATE TRIGGER choose BEFORE INSERT ON jobs FOR EACH ROW EXECUTE FUNCTION choose()");
});
afterEach(async () => {
  await queue.rows("DROP TRIGGER choose ON jobs");
});

const written = async (): Promise<unknown> =>
  await queue.rows("SELECT id::text, job_type AS type, (payload->>'n')::int AS n FROM jobs ORDER BY n");
const jobs = (...types: readonly string[]): { type: string; payload: Record<string, unknown> }[] =>
  types.map((type, n) => ({ type, payload: { n } }));

const SKIPPED = /a trigger (?:of the table skipped the job|skipped or changed some jobs)/;

async function skipped(work: Promise<unknown>): Promise<void> {
  await expect(work).rejects.toThrow(SKIPPED);
}

test("of callers that share a statement only the one whose job a trigger skips is told so; each other has its own id", async () => {
  const types = Array.from({ length: 30 }, (_, n) => (n % 10 === 3 ? "skipped" : "a"));
  const answers = await Promise.allSettled(types.map((type, n) => store.enqueue(type, { n })));
  const own = answers.flatMap((answer, n) =>
    answer.status === "fulfilled" ? [{ id: answer.value.id, type: types[n], n }] : [],
  );
  expect(await written()).toEqual(own);
  expect(own).toHaveLength(27);
  const refused = answers.flatMap((answer) => (answer.status === "rejected" ? [String(answer.reason)] : []));
  expect(refused).toEqual(Array.from({ length: 3 }, () => expect.stringMatching(SKIPPED) as string));
});

test.for([
  ["without keys", {}],
  ["with keys", { dedupeKey: "k" }],
] as const)("many jobs %s of which a trigger skips one are none", async ([, key]) => {
  const [first = { type: "a", payload: {} }, ...others] = jobs("a", "skipped", "b", "a");
  await skipped(store.enqueueMany([{ ...first, ...key }, ...others]));
  expect(await written()).toEqual([]);
});

test("one job that a trigger skips is told, and leaves a caller's transaction whole", async () => {
  await skipped(store.enqueue("skipped", {}));
  const { client } = await queue.session();
  await client.query("BEGIN");
  const inside = queue.store.with(client);
  await skipped(inside.enqueue("skipped", { n: 1 }));
  const { id } = await inside.enqueue("a", { n: 2 });
  await client.query("COMMIT");
  expect(await written()).toEqual([{ id, type: "a", n: 2 }]);
});

test("one job with a key that a trigger skips is an error, however often it is asked for", async () => {
  const error: unknown = await store
    .enqueue("skipped", {}, { dedupeKey: "k" })
    .catch((reason: unknown) => reason);
  expect(isPqrunError(error, "dedupe-conflict")).toBe(true);
  expect(String(error)).toContain("or a trigger skips the job; it was not written");
  expect(await written()).toEqual([]);
});

test("what a trigger changes is enqueued as it left it", async () => {
  const answers = await store.enqueueMany(jobs("old", "a", "old"));
  const shared = await Promise.all([3, 4].map((n) => store.enqueue(n === 3 ? "old" : "a", { n })));
  expect(await written()).toEqual(
    [...answers, ...shared].map(({ id }, n) => ({ id, type: ["new", "a", "new", "new", "a"][n], n })),
  );
});
