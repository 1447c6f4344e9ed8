import { expect, test } from "vitest";

import { rateAfter, ratesOfParts } from "../../bench/scenarios/rate.ts";
import { quantile, ratios, spread } from "../../bench/statistics.ts";

test("a spread is the median and the range, whatever the order", () => {
  expect(spread([30, 10, 20])).toEqual({ median: 20, min: 10, max: 30 });
  expect(spread([4, 1, 3, 2])).toEqual({ median: 2.5, min: 1, max: 4 });
  expect(() => spread([])).toThrow("no values");
});

test("a quantile lies between its two neighbours in proportion", () => {
  expect(quantile([0, 10], 0.95)).toBeCloseTo(9.5);
  expect(quantile([1, 2, 3, 4, 5], 1)).toBe(5);
});

test("ratios are of the same repetition, not of the medians", () => {
  expect(ratios([10, 40], [5, 10])).toEqual([2, 4]);
  expect(() => ratios([1, 2], [1])).toThrow("2 repetitions against 1");
});

test("a rate leaves out the warm-up and ends when the last job is durable", () => {
  const marks = [
    [100, 1_000],
    [200, 2_000],
    [300, 2_500],
  ] as const;
  expect(rateAfter(200, marks, 400, 4_000)).toBe(100);
  expect(() => rateAfter(400, marks, 400, 4_000)).toThrow("no mark");
});

test("the rates of parts are each part's own", () => {
  const marks = [
    [100, 0],
    [200, 1_000],
    [300, 1_500],
    [400, 3_500],
  ] as const;
  expect(ratesOfParts(3, 100, marks)).toEqual([100, 200, 50]);
  expect(ratesOfParts(2, 200, marks)).toEqual([200, 50]);
});
