import { sqlState } from "./sql-state.ts";

/**
 * The SQLSTATE where a value or a row may be to blame, rather than the database
 * or the way to it: classes 22, 23, 54, and P0, a trigger's word. Such a
 * statement fails again as it is, and may succeed with less in it.
 */
export function refusalState(error: unknown): string | undefined {
  const state = sqlState(error) ?? "";
  return /^(?:2[23]|54|P0)/.test(state) ? state : undefined;
}
