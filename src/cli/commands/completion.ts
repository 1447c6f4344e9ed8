import { readArguments } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { bashCompletion } from "../completion/bash.ts";
import { fishCompletion } from "../completion/fish.ts";
import { zshCompletion } from "../completion/zsh.ts";
import { suggestion } from "../suggestion.ts";

const SHELLS: Readonly<Record<string, (commands: readonly Command[]) => string>> = {
  bash: bashCompletion,
  zsh: zshCompletion,
  fish: fishCompletion,
};

/** `pqrun completion`: what has a shell complete these commands. */
export function completionCommand(commands: () => readonly Command[]): Command {
  const words = Object.keys(SHELLS);
  return {
    name: "completion",
    summary: "print what has bash, zsh or fish complete all this",
    usage: "pqrun completion bash|zsh|fish",
    about: `In ~/.bashrc: eval "$(pqrun completion bash)"
In ~/.zshrc, after compinit: eval "$(pqrun completion zsh)"
In ~/.config/fish/config.fish: pqrun completion fish | source`,
    options: {},
    words,
    run: (args, io) => {
      const { positionals } = readArguments(args, {});
      const [shell = "", ...more] = positionals;
      const make = Object.hasOwn(SHELLS, shell) ? SHELLS[shell] : undefined;
      if (make === undefined || more.length > 0) {
        throw new UsageError(`the shell is not one of ${words.join(", ")}${suggestion(shell, words)}`);
      }
      io.stdout.write(make(commands()));
      return Promise.resolve(EXIT.done);
    },
  };
}
