import { join } from "node:path";

import { readOptions } from "../arguments.ts";
import { EXIT, type Command } from "../command.ts";
import { packageRoot } from "../../migrate/package-root.ts";

/** `pqrun skill`: where what an agent should read is. */
export const skillCommand: Command = {
  name: "skill",
  summary: "print the path of what a coding agent should know of pqrun",
  usage: "pqrun skill",
  about: `The file is of this version: ln -s "$(dirname "$(npx pqrun skill)")" .claude/skills/pqrun
Needs no driver and no database.`,
  options: {},
  run: (args, io) => {
    readOptions(args, {});
    io.stdout.write(`${join(packageRoot(), "skills", "pqrun", "SKILL.md")}\n`);
    return Promise.resolve(EXIT.done);
  },
};
