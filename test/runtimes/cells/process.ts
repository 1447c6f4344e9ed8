// A cell on Node, Bun or Deno: `process.ts <driver> list`, `run` or `budgets <seed> <drains>`, a JSON text a line.
import process from "node:process";

import { drainBudgets } from "./budgets.ts";
import type { Driver, Place } from "./place.ts";
import { cellSuite } from "./suite.ts";

/** What a line of the answer begins with; drivers print too. */
const MARK = "pqrun-cell ";

const [name = "", command = "", seed, drains] = process.argv.slice(2);
const { driver } = (await import(`./drivers/${name}.ts`)) as { readonly driver: Driver };
const place = JSON.parse(process.env["PQRUN_PLACE"] ?? "{}") as Place;
const suite = cellSuite(driver, place);

function say(answer: unknown): void {
  console.log(MARK + JSON.stringify(answer));
}

if (command === "budgets") {
  say(await drainBudgets(driver, place, { seed: Number(seed), drains: Number(drains) }));
} else if (command === "list") {
  say({ ...suite.listing(), pqrun: import.meta.resolve("pqrun") });
} else {
  for (const index of suite.listing().tests.keys()) say(await suite.run(index));
}
process.exit();
