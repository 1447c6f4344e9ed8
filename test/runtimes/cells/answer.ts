import { drainBudgets } from "./budgets.ts";
import type { Driver, Place } from "./place.ts";
import { cellSuite } from "./suite.ts";

/** Answers the requests that a cell is asked by. */
export type Answer = (url: string, place: Place) => Promise<Response>;

/**
 * `/<driver>` lists the cell's tests, `/<driver>/<index>` runs one, and
 * `/<driver>/budgets/<seed>/<drains>` measures drains.
 */
export function answerOf<Tx>(driver: Driver<Tx>): Answer {
  return async (url, place) => {
    const [, , act, seed, drains] = new URL(url).pathname.split("/");
    if (act === "budgets") {
      return Response.json(await drainBudgets(driver, place, { seed: Number(seed), drains: Number(drains) }));
    }
    const suite = cellSuite(driver, place);
    return Response.json(act === undefined ? suite.listing() : await suite.run(Number(act)));
  };
}
