import { expect, test } from "vitest";

import { drawChart, ticks } from "../../bench/chart.ts";

const lines = [
  { label: "a & b", colour: "#123456", points: [[1_000, 10] as const, [1_000_000, 20] as const] },
];
const chart = { title: "T", xLabel: "rows", yLabel: "jobs per second", logarithmic: true, lines };

test("a chart names its axes and lines, and has a point for each value", () => {
  const svg = drawChart(chart);
  for (const words of ["T", "rows", "jobs per second", "a &amp; b", "1,000", "1,000,000"]) {
    expect(svg).toContain(`>${words}</text>`);
  }
  expect(svg.match(/<circle/g)).toHaveLength(2);
});

test("the steps of an axis are round and reach beyond the greatest value", () => {
  expect(ticks(47_000)).toEqual([0, 10_000, 20_000, 30_000, 40_000, 50_000]);
  for (const greatest of [1, 9.99, 123, 60_001, 98_765]) {
    const all = ticks(greatest);
    expect(all.at(-1)).toBeGreaterThanOrEqual(greatest);
    expect(all.length).toBeGreaterThan(3);
    expect(all.length).toBeLessThan(10);
  }
});
