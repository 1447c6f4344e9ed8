import { causesText, redactConnectionStrings } from "../../core/values/error-text.ts";
import { printable } from "./printable.ts";

/** What failed, in one line, without a password and without what would move a terminal's cursor. */
export function failureText(error: unknown): string {
  return printable(redactConnectionStrings(textOf(error)));
}

/** Drivers give a host with two addresses one error for each, and the whole none of its own. */
function textOf(error: unknown): string {
  if (!isNamelessAggregate(error)) return causesText(error);
  return [...new Set(error.errors.map((one) => causesText(one)))].join("; ");
}

function isNamelessAggregate(error: unknown): error is AggregateError {
  try {
    return error instanceof AggregateError && error.message === "";
  } catch {
    return false; // A Proxy's trap.
  }
}
