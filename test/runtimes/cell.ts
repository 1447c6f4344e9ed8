import { describe, expect, test } from "vitest";

import type { BudgetDrain } from "./cells/budgets.ts";
import type { Listing, Verdict } from "./cells/suite.ts";

/** One cell of the matrix, wherever it runs. */
export interface Cell {
  readonly listing: Listing;
  run(index: number): Promise<Verdict>;
  /** Measures drains, one after another. */
  budgets(seed: number, drains: number): Promise<readonly BudgetDrain[]>;
}

/** The runtime that a row of the matrix claims. */
export interface Row {
  readonly title: string;
  readonly runtime: Listing["runtime"];
  /** As the manifest pins it; undefined where the runtime does not tell. */
  readonly version?: string;
}

/** Registers a cell's tests here, each of which runs there. Their titles are what the matrix is made of. */
export function registerCell(row: Row, column: string, cell: Cell): void {
  const { listing } = cell;
  for (const line of listing.leftOut) console.log(`${row.title}, ${column}: ${line}`);
  describe(row.title, () => {
    describe(column, () => {
      test("the runtime is the one it claims to be", () => {
        expect(listing).toMatchObject({ runtime: row.runtime, version: row.version ?? "" });
      });
      for (const [index, name] of listing.tests.entries()) {
        test(name, async () => {
          const { error } = await cell.run(index);
          if (error !== undefined) expect.fail(error);
        });
      }
    });
  });
}
