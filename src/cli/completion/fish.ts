import type { Command } from "../command.ts";
import { shownOptions } from "../help.ts";

/** Rules for fish. */
export function fishCompletion(commands: readonly Command[]): string {
  return commands.flatMap(rules).join("");
}

function rules({ name, summary, options, words = [] }: Command): string[] {
  const within = `-n '__fish_seen_subcommand_from ${name}'`;
  return [
    `complete -c pqrun -f -n __fish_use_subcommand -a ${name} -d ${quoted(summary)}\n`,
    ...words.map((word) => `complete -c pqrun -f ${within} -a ${word}\n`),
    ...shownOptions(options).map(([option, { type, values }, help]) => {
      const value =
        type === "boolean" ? "" : values === undefined ? " -r" : ` -x -a ${quoted(values.join(" "))}`;
      return `complete -c pqrun ${within} -l ${option}${value} -d ${quoted(help)}\n`;
    }),
  ];
}

function quoted(text: string): string {
  return `'${text.replaceAll(/[\\']/g, "\\$&")}'`;
}
