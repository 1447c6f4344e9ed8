import type { Command } from "../command.ts";
import { shownOptions } from "../help.ts";

/** A function for bash, which calls no program of ours while somebody types. */
export function bashCompletion(commands: readonly Command[]): string {
  return `_pqrun() {
  local cur=\${COMP_WORDS[COMP_CWORD]} prev=\${COMP_WORDS[COMP_CWORD-1]} words=
  COMPREPLY=()
  if [ "$COMP_CWORD" -eq 1 ]; then
    words='${commands.map(({ name }) => name).join(" ")}'
  else
    case "\${COMP_WORDS[1]} $prev" in
${commands.flatMap(valueCases).join("\n")}
    esac
    case "\${COMP_WORDS[1]}" in
${commands.map(wordCase).join("\n")}
    esac
  fi
  COMPREPLY=($(compgen -W "$words" -- "$cur"))
}
complete -o default -F _pqrun pqrun
`;
}

/** After an option that takes a value: those that it may have, or, where they are anything, the shell's own files. */
function valueCases({ name, options }: Command): string[] {
  return shownOptions(options).flatMap(([option, { type, values = [] }]) =>
    type === "boolean"
      ? []
      : [`      '${name} --${option}') COMPREPLY=($(compgen -W '${values.join(" ")}' -- "$cur")); return ;;`],
  );
}

function wordCase({ name, options, words = [] }: Command): string {
  const all = [...shownOptions(options).map(([option]) => `--${option}`), "--help"];
  const first = words.length === 0 ? "" : ` [ "$COMP_CWORD" -eq 2 ] && words="$words ${words.join(" ")}";`;
  return `      ${name}) words='${all.join(" ")}';${first} ;;`;
}
