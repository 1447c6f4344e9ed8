// docs/cli.md anew, from the commands' tables of options. A test compares it.
import { writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { COMMANDS } from "../src/cli/cli.ts";
import { helpOf } from "../src/cli/help.ts";

const HEAD = `# The command line

\`npx pqrun <command>\`: the queue from a shell. What follows is each command's \`--help\`, written by \`npm run cli-page\`.

- **Where.** The database is that of \`PQRUN_DATABASE_URL\`, or else of \`DATABASE_URL\`; the table that of \`PQRUN_SCHEMA\` and
  \`PQRUN_TABLE\`, unless \`--schema\` and \`--table\` say otherwise. \`--env FILE\` reads a file beside the environment. A connection
  string is never an argument: others on the machine can read those.
- **What is printed.** Data goes to stdout, words go to stderr. \`--json\` prints JSON: a list, or what goes on, as a line for
  each; ids are strings, times are ISO 8601. Payloads and results come when they are asked for, with the digits that the
  database has. Nothing in a type, a key, a payload or an error moves the terminal.
- **What changes much** (\`prune\`, \`import\`, \`--all-failed\`, \`--all-ready\`) counts first and asks on a terminal. Elsewhere it
  wants \`--yes\`; \`--dry-run\` says what it would do.
- **Exit codes.** 0 done; 1 failed, or a job was in no state for it; 2 wrong usage, nothing was done; 3 \`doctor\` found a
  problem; 4 no such job; 128 and the signal's number where it was interrupted.
- **Completion.** \`eval "$(pqrun completion bash)"\`, or zsh, or fish.

## Commands

`;

/** The page. */
export function cliPage(): string {
  const rows = COMMANDS.map(({ name, summary }) => `- [\`${name}\`](#${name}): ${summary}\n`);
  const sections = COMMANDS.map(
    (command) => `\n### ${command.name}\n\n\`\`\`text\n${helpOf(command)}\n\`\`\`\n`,
  );
  return HEAD + rows.join("") + sections.join("");
}

if (import.meta.main) writeFileSync(fileURLToPath(new URL("../docs/cli.md", import.meta.url)), cliPage());
