import { InvalidInputError } from "../errors.ts";
import { findUnsafeInteger } from "./unsafe-integer.ts";

/**
 * A payload's JSON text as a value.
 *
 * @throws InvalidInputError naming the path of an integer beyond 2^53, which JSON.parse would round in silence.
 */
export function parsePayload(text: string): unknown {
  const path = findUnsafeInteger(text, "payload");
  if (path !== undefined) {
    throw new InvalidInputError(
      path,
      "an integer within ±2^53 (the store's `parse` option can read others)",
      "a larger one",
    );
  }
  return JSON.parse(text);
}
