import { expect, test } from "vitest";

import { checkDurable } from "../../bench/durable.ts";
import { measure } from "../../bench/measure.ts";
import { readOptions } from "../../bench/options.ts";
import type { Context, Scenario } from "../../bench/scenarios/scenario.ts";
import { RecentIds } from "../../bench/tasks/recent-ids.ts";
import { GRAPHILE, PQRUN, RATE } from "./result.ts";

const before = { open: 100, done: 7 };

test("a figure counts only what the table has as done, or the benchmark fails", () => {
  const told = { enqueued: 10, completed: 60 };
  expect(() => {
    checkDurable("drain", before, { open: 50, done: 67 }, told);
  }).not.toThrow();
  expect(() => {
    checkDurable("drain", before, { open: 51, done: 67 }, told);
  }).toThrow("drain: 51 jobs are open, not 50");
  expect(() => {
    checkDurable("drain", before, { open: 50, done: 66 }, told);
  }).toThrow("drain: 66 jobs are done, not 67");
});

test("a system that deletes what is done is judged by the rows that are left", () => {
  const deleting = { open: 100, done: undefined };
  expect(() => {
    checkDurable("drain", deleting, { open: 40, done: undefined }, { completed: 60 });
  }).not.toThrow();
  expect(() => {
    checkDurable("drain", deleting, { open: 41, done: undefined }, { completed: 60 });
  }).toThrow("41 jobs are open");
});

test("the systems take turns, in reversed order every other time", async () => {
  const order: string[] = [];
  const scenario: Scenario = {
    id: "s",
    rows: [RATE],
    lanes: [PQRUN, GRAPHILE],
    run: ({ label }) => {
      order.push(label);
      return Promise.resolve({ values: { rate: order.length } });
    },
  };
  const { lanes } = await measure(scenario, scenario.lanes, 3, {} as Context, () => undefined);
  const [p, g] = [PQRUN.label, GRAPHILE.label];
  expect(order).toEqual([p, g, g, p, p, g]);
  expect(lanes.map(({ samples }) => samples.map(({ values }) => values["rate"]))).toEqual([
    [1, 4, 5],
    [2, 3, 6],
  ]);
});

test("options that mean nothing are refused, not ignored", () => {
  expect(() => readOptions(["--only", "drain-7"], [])).toThrow("--only: there is no drain-7");
  expect(() => readOptions(["--systems", "pqrun,que"], [])).toThrow("--systems: there is no que");
  expect(() => readOptions(["--repetitions", "none"], [])).toThrow("--repetitions");
  expect(readOptions(["--quick"], [])).toMatchObject({ repetitions: 1, scale: 0.05, quick: true });
  expect(readOptions([], [])).toMatchObject({ repetitions: 5, scale: 1, quick: false });
});

test("the last ids are those added last", () => {
  const recent = new RecentIds(2);
  for (const id of ["a", "b", "c"]) recent.add(id);
  expect(recent.all().toSorted()).toEqual(["b", "c"]);
});
