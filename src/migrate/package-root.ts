import { existsSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/**
 * The folder of the pqrun package, whether this runs from its sources or from a chunk of its build.
 *
 * @throws Error where pqrun's files have been bundled into something else.
 */
export function packageRoot(from: string = import.meta.url): string {
  for (let folder = dirname(fileURLToPath(from)); ; folder = dirname(folder)) {
    if (packageName(join(folder, "package.json")) === "pqrun") return folder;
    if (folder === dirname(folder)) {
      throw new Error("pqrun's package.json is not above its code: keep the CLI out of the bundle");
    }
  }
}

function packageName(file: string): unknown {
  if (!existsSync(file)) return undefined;
  const manifest: unknown = JSON.parse(readFileSync(file, "utf8"));
  return typeof manifest === "object" && manifest !== null && "name" in manifest ? manifest.name : undefined;
}
