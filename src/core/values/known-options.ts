import { InvalidInputError } from "../errors.ts";
import type { CallOptions } from "../executor.ts";

/** The names of the options that there are: `satisfies Record<keyof Options, true>` keeps them complete. */
export type OptionNames = Readonly<Record<string, true>>;

/** Those of a call that has no others. */
export const CALL_OPTIONS = { signal: true } as const satisfies Record<keyof CallOptions, true>;

/**
 * In plain JavaScript nothing else says that an option's name is misspelt, and it would be ignored.
 *
 * @throws InvalidInputError naming it
 */
export function checkOptions(options: object | null | undefined, known: OptionNames, field = ""): void {
  // Where there are none, by that word.
  for (const name of Object.keys(options ?? { options })) {
    if (Object.hasOwn(known, name)) continue;
    throw new InvalidInputError(
      field + name.slice(0, 40),
      `one of ${Object.keys(known).join(", ")}`,
      options,
    );
  }
}
