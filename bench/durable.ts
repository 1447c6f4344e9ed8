import { queryOnce } from "./server.ts";
import { systemByName } from "./systems/by-name.ts";
import { COUNT, type SystemName } from "./systems/system.ts";

/** What a table holds. */
export interface TableCount {
  /** Jobs due, planned or running. */
  readonly open: number;
  /** Jobs recorded as done; absent where their rows are deleted. */
  readonly done: number | undefined;
}

/** Counts a system's jobs, in the table itself. */
export async function countTable(system: SystemName, url: string): Promise<TableCount> {
  const { sql } = await systemByName(system);
  return {
    open: await count(url, sql.open),
    done: sql.done === undefined ? undefined : await count(url, sql.done),
  };
}

async function count(url: string, text: string): Promise<number> {
  const [row] = await queryOnce(url, text);
  return Number(row?.[COUNT]);
}

/** @throws Error where the table does not hold what was told: `enqueued` more jobs, `completed` of them done. */
export function checkDurable(
  what: string,
  before: TableCount,
  after: TableCount,
  told: { readonly enqueued?: number; readonly completed?: number },
): void {
  const { enqueued = 0, completed = 0 } = told;
  const open = before.open + enqueued - completed;
  if (after.open !== open) throw new Error(`${what}: ${after.open} jobs are open, not ${open}`);
  if (before.done === undefined) return;
  const done = before.done + completed;
  if (after.done !== done) throw new Error(`${what}: ${String(after.done)} jobs are done, not ${done}`);
}
