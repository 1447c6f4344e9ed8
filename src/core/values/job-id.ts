import { InvalidInputError } from "../errors.ts";

/** `id`, if it can be a job's: an int8 as text. @throws InvalidInputError naming `field`. */
export function checkId(field: string, id: unknown): string {
  // Below zero too: what draws ids is the table's.
  if (typeof id === "string" && /^-?\d{1,19}$/.test(id) && BigInt.asIntN(64, BigInt(id)) === BigInt(id)) {
    return id;
  }
  throw new InvalidInputError(field, "a job's id, a whole number as a string", id);
}
