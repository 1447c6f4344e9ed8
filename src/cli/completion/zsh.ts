import type { Command } from "../command.ts";
import { shownOptions } from "../help.ts";

/** A function for zsh. */
export function zshCompletion(commands: readonly Command[]): string {
  return `#compdef pqrun
_pqrun() {
  local -a commands
  commands=(
${commands.map(({ name, summary }) => `    ${quoted(`${name}:${summary}`)}`).join("\n")}
  )
  if (( CURRENT == 2 )); then
    _describe command commands
    return
  fi
  local command=$words[2]
  shift words
  (( CURRENT -= 1 ))
  case $command in
${commands.map(commandCase).join("\n")}
  esac
}
compdef _pqrun pqrun
`;
}

function commandCase({ name, options, words = [] }: Command): string {
  const specs = shownOptions(options).map(([option, { type, value = "", values }, help]) => {
    const among = values === undefined ? "_files" : `(${values.join(" ")})`;
    return quoted(`--${option}[${escaped(help)}]${type === "boolean" ? "" : `:${value}:${among}`}`);
  });
  if (words.length > 0) specs.push(quoted(`1:word:(${words.join(" ")})`));
  return `    ${name}) _arguments ${[...specs, quoted("*:file:_files")].join(" ")} ;;`;
}

/** Within the brackets of a description. */
function escaped(help: string): string {
  return help.replaceAll(/[[\]\\:]/g, "\\$&");
}

function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`;
}
