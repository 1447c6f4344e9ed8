import { InvalidInputError } from "../../core/errors.ts";

/**
 * @param methods what makes it the driver's object
 * @throws InvalidInputError where `value` is something else: a URL, another driver's client, an ORM's manager, undefined
 */
export function checkDriver(
  field: string,
  value: unknown,
  methods: readonly string[],
  expected: string,
): void {
  const holder = value as Readonly<Record<string, unknown>> | null | undefined;
  if (methods.every((method) => typeof holder?.[method] === "function")) return;
  throw new InvalidInputError(field, expected, value);
}

/** @throws InvalidInputError where `tx` would run its statements outside any transaction. */
export function refuseOutside(tx: object, member: string, expected: string): void {
  if (member in tx) throw new InvalidInputError("tx", expected, tx);
}

/** @throws InvalidInputError where `tx` is neither the `sql` of `begin` nor a reserved one, as postgres.js and Bun make them. */
export function requireSession(tx: object, expected: string): void {
  if (!("savepoint" in tx || "release" in tx)) throw new InvalidInputError("tx", expected, tx);
}
