import { parseArgs, type ParseArgsOptionsConfig } from "node:util";

import { UsageError } from "./command.ts";
import { suggestion } from "./suggestion.ts";

type Parsed<T extends ParseArgsOptionsConfig> = ReturnType<
  typeof parseArgs<{ options: T; strict: true; allowPositionals: true }>
>;

/** PostgreSQL's, any URL with a user in it, and a list of settings. */
const CONNECTION_STRING = /\bpostgres(?:ql)?:\/\/|:\/\/[^/?#\s]*@|\b(?:password|passwd|pwd)\s*=/i;
/** A payload may have whatever it likes in it. */
const JSON_OBJECT = /^(?:--[a-z-]+=)?\s*\{/;

/**
 * The options of one command. An argument is never repeated in an error: it
 * may be a password that went astray.
 *
 * @throws UsageError for an unknown option, one without its value, or an argument that is no option.
 */
export function readOptions<T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
): Parsed<T>["values"] {
  const { values, positionals } = readArguments(args, options);
  if (positionals.length > 0) throw new UsageError("an argument that is no option");
  return values;
}

/**
 * As {@link readOptions}, and the arguments that are no options.
 *
 * @throws UsageError for an unknown option, or one without its value.
 */
export function readArguments<T extends ParseArgsOptionsConfig>(
  args: readonly string[],
  options: T,
): Pick<Parsed<T>, "values" | "positionals"> {
  refuseConnectionStrings(args);
  try {
    return parseArgs({ args: [...args], options, strict: true, allowPositionals: true });
  } catch (error) {
    // Without the cause, whose message quotes the argument.
    throw new UsageError(explain(error, Object.keys(options)));
  }
}

/** @throws UsageError without the argument itself. */
export function refuseConnectionStrings(args: readonly string[]): void {
  if (!args.some((arg) => CONNECTION_STRING.test(arg) && !JSON_OBJECT.test(arg))) return;
  throw new UsageError(
    "a connection string doesn't belong on the command line, where other users of the machine can read it: " +
      "set PQRUN_DATABASE_URL, or name a file that does with --env",
  );
}

/** @throws UsageError for what is not a whole number within the bounds. */
export function wholeNumber(option: string, text: string, min: number, max: number): number {
  const number = /^-?\d{1,10}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= min && number <= max) return number;
  throw new UsageError(`--${option}: expected a whole number from ${min} to ${max}`);
}

/** In words of our own, since Node's quote the argument. */
function explain(error: unknown, options: readonly string[]): string {
  const { code, message } = error as { readonly code?: unknown; readonly message?: unknown };
  const option = /'(-{1,2}[a-z][a-z-]*)/i.exec(String(message))?.[1] ?? "an option";
  if (code === "ERR_PARSE_ARGS_UNKNOWN_OPTION") {
    return `unknown option ${option}${suggestion(
      option,
      options.map((name) => `--${name}`),
    )}`;
  }
  if (code === "ERR_PARSE_ARGS_INVALID_OPTION_VALUE") {
    if (String(message).includes("does not take")) return `${option} takes no value`;
    const dash = String(message).includes("ambiguous") ? `; one that begins with - as ${option}=-…` : "";
    return `${option} wants a value${dash}`;
  }
  return "the arguments can't be read";
}
