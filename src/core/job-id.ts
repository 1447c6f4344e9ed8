import { InvalidInputError } from "./errors.ts";

const MAX_ID = 9_223_372_036_854_775_807n;

/** `id`, if it can be a job's: an int8 as text. @throws InvalidInputError naming `field`. */
export function checkId(field: string, id: unknown): string {
  if (typeof id === "string" && /^\d{1,19}$/.test(id) && BigInt(id) <= MAX_ID) return id;
  throw new InvalidInputError(field, "a job's id, a whole number as a string", id);
}
