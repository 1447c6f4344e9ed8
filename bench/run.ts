// npm run bench: the package as it is published, the peers as bench/package-lock.json has them, then bench/main.ts.
import { execFileSync } from "node:child_process";
import { fileURLToPath } from "node:url";

import { installBeside } from "../scripts/install-beside.ts";

installBeside("bench", ["--ignore-scripts"]);
execFileSync("npm", ["run", "--silent", "build", "--", "--silent"], {
  cwd: fileURLToPath(new URL("../", import.meta.url)),
  stdio: ["ignore", "ignore", "inherit"],
  shell: process.platform === "win32",
});
await import("./main.ts");
