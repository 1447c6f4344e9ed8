import { expect, test } from "vitest";

import { limits, pauseType, resumeType, setLimits } from "../../src/operate.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const ROW = { paused: false, total: null, perKey: null, rate: null, running: 0, putAside: 0 };

test("a type is paused and resumed, and leaves no row behind", async () => {
  expect(await limits(store)).toEqual([]);
  expect(await resumeType(store, "a")).toBe(false);
  await pauseType(store, "a");
  await pauseType(store, "a");
  expect(await limits(store)).toEqual([{ ...ROW, type: "a", paused: true }]);
  expect(await resumeType(store, "a")).toBe(true);
  expect(await resumeType(store, "a")).toBe(false);
  expect(await limits(store)).toEqual([]);
});

test("a row that pick-ups have counted in, or that limits the type, stays when the type is resumed", async () => {
  await queue.rows("INSERT INTO jobs_limits (name, paused, pickups) VALUES ('a', true, 1)");
  await setLimits(store, "b", { total: 3 });
  await pauseType(store, "b");
  expect(await resumeType(store, "a")).toBe(true);
  expect(await resumeType(store, "b")).toBe(true);
  expect(await limits(store)).toEqual([
    { ...ROW, type: "a" },
    { ...ROW, type: "b", total: 3 },
  ]);
});

test("limits are set one by one, and null goes back to what the code says", async () => {
  await setLimits(store, "a", { total: 5, rate: { limit: 100, seconds: 60 } });
  await setLimits(store, "a", { perKey: 2 });
  expect(await limits(store)).toEqual([
    { ...ROW, type: "a", total: 5, perKey: 2, rate: { limit: 100, seconds: 60 } },
  ]);
  await setLimits(store, "a", { total: null, rate: null });
  expect(await limits(store)).toEqual([{ ...ROW, type: "a", perKey: 2 }]);
});

test("what runs with a key, and what is put aside, is counted by type", async () => {
  await setLimits(store, "a", { perKey: 1 });
  await queue.rows(`INSERT INTO jobs (job_type, concurrency_key, status, due_at) VALUES
    ('a', 'k', 'RUNNING', NULL), ('a', '', 'RUNNING', NULL), ('a', 'k', 'READY', now()), ('b', 'k', 'READY', now()), ('a', 'l', 'READY', NULL)`);
  expect(await limits(store)).toEqual([{ ...ROW, type: "a", perKey: 1, running: 2, putAside: 1 }]);
});

const WRONG: readonly (readonly [wanted: object, field: string])[] = [
  [{ total: -1 }, "total"],
  [{ total: 1.5 }, "total"],
  [{ perKey: 0 }, "perKey"],
  [{ rate: { limit: 1, seconds: 0 } }, "rate.seconds"],
  [{ rate: { limit: -1, seconds: 1 } }, "rate.limit"],
  [{ perkey: 1 }, "perkey"],
];

test("a wrong limit is refused by its name, before anything is sent", async () => {
  for (const [wanted, field] of WRONG)
    await expect(setLimits(store, "a", wanted)).rejects.toMatchObject({ field });
  await expect(pauseType(store, "")).rejects.toMatchObject({ field: "type" });
  await expect(resumeType(store, "a\0")).rejects.toMatchObject({ field: "type" });
  expect(await limits(store)).toEqual([]);
});
