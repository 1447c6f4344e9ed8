import { LeaseLostError, isPqrunError } from "../errors.ts";
import { layers } from "./sql-state.ts";

/** The mark by which the failure of a statement is known that had to hold a lease. */
const LOST = "pqrun: lease lost";
/** Not the mark alone: query builders tell the statement's text in every error of theirs. */
const LOST_JOB = new RegExp(`${LOST}, job -?\\d`);

/**
 * An expression over `from`, the rows whose lease was held, that fails where there is none: a list of statements (Neon
 * HTTP) can't look at an answer and roll back. SQL has no RAISE outside a function, but a text that is no number can't be
 * cast; the text comes from a row, or the planner would cast it before anything ran.
 *
 * @param id the job's, as an expression
 * @param otherwise further branches of the CASE
 */
export function orFailText(id: string, otherwise = ""): string {
  return `(CASE WHEN count(*) = 0 THEN '${LOST}, job ' || coalesce(max(id)::text, ${id})${otherwise} ELSE '1' END)::int4::text`;
}

/**
 * Whether `error` says that an attempt no longer holds its job, and that nothing of its transaction was written: a
 * LeaseLostError, or what a driver or an ORM makes of a list with `settleStatement` in it, such as Neon's `transaction`
 * and Drizzle's `batch`.
 */
export function isLeaseLost(error: unknown): boolean {
  for (const layer of layers(error)) {
    if (isPqrunError(layer, "lease-lost") || LOST_JOB.test(String(layer["message"]))) return true;
  }
  return false;
}

/** `error` as LeaseLostError, if it is the failure of {@link orFailText}. */
export function asLeaseLost(error: unknown, jobId: string): unknown {
  return isLeaseLost(error) ? new LeaseLostError(jobId, { cause: error }) : error;
}
