import { registerBudgets } from "./budgets.ts";
import { registerCell, type Row } from "./cell.ts";
import { freshPlace } from "./place.ts";
import { processCell } from "./process-cell.ts";

/** Every driver that a runtime with processes and sockets can have: the file of its cell to its column. */
export const DRIVERS = {
  pg: "pg",
  postgres: "postgres",
  "neon-http": "Neon HTTP",
  "neon-websocket": "Neon WebSocket Pool",
  pglite: "PGlite",
} as const;

/** Registers a row of cells, each a process of `command` with a database of its own; budgets are measured over `timed`. */
export async function registerProcessRow(
  row: Row,
  command: readonly string[],
  timed: string,
  drivers: Readonly<Record<string, string>> = DRIVERS,
): Promise<void> {
  for (const [driver, column] of Object.entries(drivers)) {
    const cell = await processCell(command, driver, await freshPlace());
    registerCell(row, column, cell);
    if (driver === timed) registerBudgets(row, column, cell);
  }
}
