// npm run bench: the package as it is published, the peers as bench/package-lock.json has them, then bench/main.ts.
import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const bench = fileURLToPath(new URL("./", import.meta.url));

interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
}

function npm(args: readonly string[], cwd: string): void {
  execFileSync("npm", args, {
    cwd,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
}

/** Whether the peers are there, in the versions that are wanted. */
function installed(): boolean {
  const { devDependencies } = JSON.parse(readFileSync(`${bench}package.json`, "utf8")) as Manifest;
  return Object.entries(devDependencies).every(([name, version]) => {
    try {
      const found = readFileSync(`${bench}node_modules/${name}/package.json`, "utf8");
      return (JSON.parse(found) as { readonly version: string }).version === version;
    } catch {
      return false;
    }
  });
}

if (!installed()) npm(["ci", "--ignore-scripts"], bench);
npm(["run", "--silent", "build", "--", "--silent"], root);
await import("./main.ts");
