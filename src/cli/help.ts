import type { Command } from "./command.ts";
import type { CliOption, CliOptions } from "./options.ts";
import { wrapped } from "./terminal/wrapped.ts";

/** Longer lines of a help are broken. */
const WIDTH = 100;

const DATABASE_NOTE = `The database is that of PQRUN_DATABASE_URL, or else of DATABASE_URL. It is reached
through pg, postgres or @neondatabase/serverless, whichever is installed.`;

/** What `pqrun <command> --help` prints. */
export function helpOf({ usage, about, options }: Command): string {
  const parts = [usage, about, optionLines(options)];
  if ("env" in options) parts.push(DATABASE_NOTE);
  return parts.filter((part) => part !== "").join("\n\n");
}

/** An option as it is typed: `--schema S`. */
function optionSyntax(name: string, { value }: CliOption): string {
  return `--${name}${value === undefined ? "" : ` ${value}`}`;
}

/** The options that a help shows, in its order. */
export function shownOptions(
  options: CliOptions,
): (readonly [name: string, option: CliOption, help: string])[] {
  return Object.entries(options).flatMap(([name, option]) =>
    option.help === undefined ? [] : [[name, option, option.help] as const],
  );
}

function optionLines(options: CliOptions): string {
  const shown = shownOptions(options);
  const width = Math.max(14, ...shown.map(([name, option]) => optionSyntax(name, option).length)) + 3;
  return shown
    .map(([name, option, help]) => {
      const lines = wrapped(help, WIDTH - width - 2);
      return `  ${optionSyntax(name, option).padEnd(width)}${lines.join(`\n${" ".repeat(width + 2)}`)}`;
    })
    .join("\n");
}
