import { InvalidInputError } from "../errors.ts";

/**
 * A worker's readable id, the start of `locked_by`. What PostgreSQL can't hold
 * or gives back otherwise would be a fence that no settlement meets.
 *
 * @throws InvalidInputError
 */
export function checkWorkerId(id: unknown): void {
  if (typeof id !== "string" || !/^\P{Cc}{1,200}$/u.test(id) || !id.isWellFormed()) {
    throw new InvalidInputError(
      "workerId",
      "1 to 200 characters without control characters or lone surrogates",
      id,
    );
  }
}

/**
 * The job types of a pick-up, which PostgreSQL must be able to read: it would
 * refuse each turn, and with it the settlements in it.
 *
 * @throws InvalidInputError
 */
export function checkJobTypes(field: string, types: readonly unknown[]): void {
  for (const type of types) {
    if (typeof type !== "string" || type.includes("\u0000") || !type.isWellFormed()) {
      throw new InvalidInputError(field, "job types without NUL or lone surrogates", type);
    }
  }
}
