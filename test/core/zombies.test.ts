import { afterAll, describe, expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { ZOMBIE_CALLS } from "../conformance/zombie-calls.ts";
import { penOf } from "../conformance/zombie-pen.ts";
import { SUCCESSORS } from "../conformance/zombie-successors.ts";
import { testPool } from "../support/pool.ts";
import { pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const pool = testPool(queue.url, { max: 2 });
const executor = pgExecutor(pool);
const bench = {
  executor: executor as Parameters<typeof penOf>[0]["executor"],
  sql: (...statement: Parameters<typeof executor.query>) => executor.query(...statement),
  table: {},
  names: tableNames(),
};
afterAll(() => pool.end());

describe.each(SUCCESSORS)("a job that is $name", (successor) => {
  test.for(ZOMBIE_CALLS)("is not touched by its first attempt's $name, which learns it", async (call) => {
    const pen = await penOf(bench, 1);
    await successor.becomes(pen);
    const image = await pen.image();
    expect(await call.make(pen)).toBe(call.learns(successor.learns));
    expect(await pen.image()).toEqual(image);
  });
});

test.for([
  ["attempt", { attempts: 2 }],
  ["holder", { lockedBy: "zombie:1" }],
  ["job", { id: "9007199254740993" }],
] as const)("a fence of which only the %s is wrong writes nothing", async ([, wrong]) => {
  const id = await queue.insert();
  const job = { ...(await pickUpOne(queue.store)), ...wrong };
  const image = await queue.image(id);
  const pen = { ...(await penOf(bench, 6)), zombie: job };
  for (const call of ZOMBIE_CALLS) expect(await call.make(pen)).toBe(call.learns("lost"));
  expect(await queue.image(id)).toBe(image);
});
