import { execFileSync } from "node:child_process";

import manifest from "../../package.json" with { type: "json" };
import { registerProcessRow } from "./process-row.ts";

/** The oldest line that is still maintained, beside the one that npm scripts run under. */
const OLDEST = "22.23.3";
const newest = manifest.devDependencies.node;

const oldestPath = execFileSync("npx", ["--yes", "-p", `node@${OLDEST}`, "-c", "node -p process.execPath"], {
  encoding: "utf8",
}).trim();

await registerProcessRow({ title: `Node ${OLDEST}`, runtime: "node", version: OLDEST }, [oldestPath], "pg");
await registerProcessRow(
  { title: `Node ${newest}`, runtime: "node", version: newest },
  [process.execPath],
  "pg",
);
