import { readFileSync } from "node:fs";
import { createRequire } from "node:module";

import { registerBudgets } from "./budgets.ts";
import { registerCell } from "./cell.ts";
import { freshPlace } from "./place.ts";
import { bundleWorker, workerdCell } from "./workerd-cell.ts";

const { resolve } = createRequire(createRequire(import.meta.url).resolve("miniflare"));
const { version } = JSON.parse(readFileSync(resolve("workerd/package.json"), "utf8")) as {
  readonly version: string;
};
/** workerd does not tell its version to the programs that it runs. */
const row = { title: `workerd ${version}`, runtime: "workerd" } as const;

const DEAF = { hears: "Hyperdrive pools transactions, and takes no LISTEN" } as const;

const script = bundleWorker();
for (const [driver, column] of [
  ["pg", "pg"],
  ["postgres", "postgres"],
  ["neon-http", "Neon HTTP"],
  ["neon-websocket", "Neon WebSocket Pool"],
] as const) {
  const cell = await workerdCell(script, driver, await freshPlace(), false);
  registerCell(row, column, cell);
  if (driver === "postgres" || driver === "neon-http") registerBudgets(row, column, cell);
}
for (const driver of ["pg", "postgres"] as const) {
  const place = { ...(await freshPlace()), lacks: DEAF };
  registerCell(row, `Hyperdrive, ${driver}`, await workerdCell(script, driver, place, true));
}
