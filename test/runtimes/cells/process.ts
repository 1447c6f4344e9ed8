// A cell on Node, Bun or Deno: `process.ts <driver> list|run`, a JSON text a line.
import process from "node:process";

import type { Driver, Place } from "./place.ts";
import { CellSuite } from "./suite.ts";

/** What a line of the answer begins with; drivers print too. */
const MARK = "pqrun-cell ";

const [name = "", command = ""] = process.argv.slice(2);
const { driver } = (await import(`./drivers/${name}.ts`)) as { readonly driver: Driver };
const suite = new CellSuite(driver, JSON.parse(process.env["PQRUN_PLACE"] ?? "{}") as Place);

function say(answer: object): void {
  console.log(MARK + JSON.stringify(answer));
}

const listing = suite.listing();
if (command === "list") say({ ...listing, pqrun: import.meta.resolve("pqrun") });
else for (const index of listing.tests.keys()) say(await suite.run(index));
process.exit();
