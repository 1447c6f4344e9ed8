import { describe, expect, test } from "vitest";

import type { Cell, Row } from "./cell.ts";
import type { BudgetDrain } from "./cells/budgets.ts";

/** In lots, so that a runtime whose requests have limits keeps to them. */
const LOTS = 10;
const DRAINS_A_LOT = 20;
/** What a drain may exceed its budget by: a timer that fires late, a collection of garbage. */
const ALLOWED_MS = 250;
const LIMIT_MS = 300_000;

/** Registers the promises about budgets, measured on one cell's driver over {@link LOTS} × {@link DRAINS_A_LOT} drains. */
export function registerBudgets({ title }: Row, column: string, cell: Cell): void {
  let measured: Promise<readonly BudgetDrain[]> | undefined;
  const drains = (): Promise<readonly BudgetDrain[]> => (measured ??= measure(cell));

  describe(`${title}, budgets over ${column}`, () => {
    test(
      `${LOTS * DRAINS_A_LOT} drains of handlers that take any time return within their budgets`,
      { timeout: LIMIT_MS },
      async () => {
        const all = await drains();
        console.log(`${title}, ${column}: ${overshoots(all)}`);
        expect(all).toHaveLength(LOTS * DRAINS_A_LOT);
        expect(all.filter(({ elapsedMs, budgetMs }) => elapsedMs > budgetMs + ALLOWED_MS)).toEqual([]);
        // Otherwise nothing was shown.
        expect(all.some(({ stoppedBy }) => stoppedBy === "budget")).toBe(true);
      },
    );

    test("a handler that ignores its signal does not hold the drain", { timeout: LIMIT_MS }, async () => {
      const outlived = (await drains()).filter((drain) => drain.outlived > 0);
      expect(outlived.length).toBeGreaterThan(0);
      expect(outlived.filter(({ elapsedMs, budgetMs }) => elapsedMs > budgetMs + ALLOWED_MS)).toEqual([]);
    });

    test(
      "after a clean return no row is RUNNING, and no attempt was spent on a job that did not start",
      { timeout: LIMIT_MS },
      async () => {
        const clean = (await drains()).filter((drain) => drain.clean);
        expect(clean.length).toBeGreaterThan((LOTS * DRAINS_A_LOT) / 2);
        expect(clean.filter(({ running, miscounted }) => running > 0 || miscounted > 0)).toEqual([]);
      },
    );
  });
}

async function measure(cell: Cell): Promise<readonly BudgetDrain[]> {
  const all: BudgetDrain[] = [];
  for (let seed = 1; seed <= LOTS; seed += 1) all.push(...(await cell.budgets(seed, DRAINS_A_LOT)));
  return all;
}

/** Beyond the budget; negative where it came back before its end. */
function overshoots(drains: readonly BudgetDrain[]): string {
  const sorted = drains.map(({ elapsedMs, budgetMs }) => elapsedMs - budgetMs).sort((a, b) => a - b);
  const at = (share: number): string =>
    `${(sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? NaN).toFixed(0)} ms`;
  const unclean = drains.filter(({ clean }) => !clean).length;
  return `overshoot p50 ${at(0.5)}, p99 ${at(0.99)}, max ${at(1)}; ${unclean} of ${drains.length} not clean`;
}
