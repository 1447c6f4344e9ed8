import { expect, test } from "vitest";

import { figure, ratioFigure, spreadText } from "../../bench/figures.ts";
import { goals, goalsTable, met } from "../../bench/goals.ts";
import { Results } from "../../bench/results.ts";
import { withSummary } from "../../bench/summary.ts";
import { table } from "../../bench/table.ts";
import { GRAPHILE, PQRUN, RATE, resultOf } from "./result.ts";

test("the table has medians, ranges, and the median of each repetition's own ratio", () => {
  const result = resultOf("drain-100", RATE, [
    [PQRUN, [30_000, 10_000, 20_000]],
    [{ ...GRAPHILE, jobs: 5_000 }, [10_000, 10_000, 4_000]],
  ]);
  expect(table([result]).split("\n")[2]).toBe(
    "| rate | 20,000 (10,000–30,000) | 10,000 (4,000–10,000) [5,000 jobs]<br>**3.00× (1.00×–5.00×)** |  |  |",
  );
});

test("another setting of pqrun has a line of its own, against the same peers", () => {
  const narrow = { ...PQRUN, label: "pqrun, maxBuffer 1,000" };
  const result = resultOf("drain-100", RATE, [
    [PQRUN, [200]],
    [GRAPHILE, [100]],
    [narrow, [250]],
  ]);
  expect(table([result]).split("\n").slice(2)).toEqual([
    "| rate | 200 | 100<br>**2.00×** |  |  |",
    "| – pqrun, maxBuffer 1,000 | 250 | **2.50×** |  |  |",
  ]);
});

test("a goal is met by the median of the ratios, at its bound too", () => {
  const enqueue = (rates: readonly number[]): boolean | undefined => {
    const lanes = [
      [PQRUN, rates],
      [GRAPHILE, [100, 100, 100]],
    ] as const;
    const [goal] = goals(new Results([resultOf("enqueue-1", RATE, lanes)]));
    return goal && met(goal);
  };
  expect(enqueue([100, 200, 900])).toBe(true);
  expect(enqueue([900, 199, 100])).toBe(false);
});

test("a goal of less is not met by more", () => {
  const p50 = { metric: "p50", title: "p50", better: "lower" } as const;
  const lanes = [
    [PQRUN, [3]],
    [GRAPHILE, [2]],
  ] as const;
  expect(
    goalsTable(new Results([resultOf("latency", p50, lanes)]))
      .split("\n")
      .slice(2),
  ).toEqual(["| idle latency p50 | at most 0.8× graphile-worker | 1.50× | **not met**, 88 % above |"]);
});

test("what was not measured is no goal met", () => {
  expect(goals(new Results([])).map(met)).not.toContain(true);
  expect(goalsTable(new Results([])).split("\n")).toHaveLength(2);
});

test("README's table has medians and ratios, and says where a peer is ahead", () => {
  const p50 = { metric: "p50", title: "p50", better: "lower" } as const;
  const report = {
    startedAt: new Date("2026-01-02"),
    machine: {
      cores: 2,
      processor: "P",
      memoryGib: 1,
      node: "v24",
      versions: { "graphile-worker": "0.18.0" },
    },
    postgres: { version: "18", settings: {} },
    setUp: {},
    repetitions: 1,
    scale: 1,
    results: [
      resultOf("drain-100", RATE, [
        [PQRUN, [200]],
        [GRAPHILE, [100]],
      ]),
      resultOf("latency", p50, [
        [PQRUN, [3]],
        [GRAPHILE, [2]],
      ]),
    ],
  };
  const readme = withSummary("a\n<!-- benchmark -->\nold\n<!-- /benchmark -->\nz", report);
  expect(readme).toMatch(/^a\n<!-- benchmark -->\n[^]+\n<!-- \/benchmark -->\nz$/);
  expect(readme).not.toContain("old");
  expect(readme).toContain("| | pqrun | graphile-worker 0.18.0 | pg-boss | BullMQ |");
  expect(readme).toContain("| run no-op jobs, 100 slots, jobs/s | 200 | 100 (2.00×) |  |  |");
  expect(readme).toContain("A peer is ahead: graphile-worker in “idle, enqueue to start, p50, ms”.");
});

test("figures are read by people", () => {
  expect([0.1234, 12.345, 1_234.5, NaN].map(figure)).toEqual(["0.123", "12.3", "1,235", "–"]);
  expect([1.234, 12.34].map(ratioFigure)).toEqual(["1.23×", "12.3×"]);
  expect(spreadText([1, 1, 1], figure)).toBe("1");
});
