import { InvalidInputError } from "../errors.ts";

/** @throws InvalidInputError naming what is not a number within the bounds. */
export function checkNumber(field: string, value: unknown, min: number, max: number): void {
  if (isWithin(value, min, max)) return;
  throw new InvalidInputError(field, `a number from ${min} to ${max}`, value);
}

/** @throws InvalidInputError naming what is not a whole number within the bounds. */
export function checkWhole(field: string, value: unknown, min: number, max: number): void {
  if (isWithin(value, min, max) && Number.isInteger(value)) return;
  throw new InvalidInputError(field, `a whole number from ${min} to ${max}`, value);
}

function isWithin(value: unknown, min: number, max: number): boolean {
  return typeof value === "number" && value >= min && value <= max;
}
