import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));

interface Manifest {
  readonly devDependencies: Readonly<Record<string, string>>;
}

/** npm's record of what it has installed, which it writes last. */
interface Installed {
  readonly packages: Readonly<Record<string, { readonly version?: string }>>;
}

/**
 * Installs the packages of a folder that has a manifest and a lockfile of its own, unless they are there: what one
 * command needs, and every other goes without. The first time it says so, since it may take minutes.
 *
 * @param folder from the repository's root
 */
export function installBeside(folder: string, npmOptions: readonly string[] = []): void {
  if (isInstalled(`${root}${folder}/`)) return;
  console.log(`installing what only this command needs, into ${folder}/node_modules`);
  execFileSync("npm", ["ci", "--no-audit", "--no-fund", ...npmOptions], {
    cwd: root + folder,
    stdio: ["ignore", "ignore", "inherit"],
    shell: process.platform === "win32",
  });
}

function isInstalled(folder: string): boolean {
  const { devDependencies } = read(`${folder}package.json`) as Manifest;
  let installed: Installed;
  try {
    installed = read(`${folder}node_modules/.package-lock.json`) as Installed;
  } catch {
    return false;
  }
  return Object.entries(devDependencies).every(
    ([name, version]) => installed.packages[`node_modules/${name}`]?.version === version,
  );
}

function read(path: string): unknown {
  return JSON.parse(readFileSync(path, "utf8"));
}
