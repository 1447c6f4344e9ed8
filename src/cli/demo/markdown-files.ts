import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";

/** What {@link markdownFiles} finds. */
export interface MarkdownFiles {
  /** Relative to the folder, with slashes: a README first, then by name. */
  readonly paths: readonly string[];
  readonly bytes: number;
  /** How many were found but are too large, or one too many. */
  readonly leftOut: number;
}

const MAX_FILES = 1_000;
const MAX_BYTES = 1_000_000;
const MAX_PATH = 400;

/** The Markdown files of a folder and those below it, without hidden ones and node_modules. Links are not followed. */
export async function markdownFiles(folder: string): Promise<MarkdownFiles> {
  const found: { readonly path: string; readonly size: number }[] = [];
  for await (const path of walk(folder, ""))
    found.push({ path, size: (await stat(join(folder, path))).size });
  const paths = found
    .filter(({ path, size }) => size <= MAX_BYTES && path.length <= MAX_PATH)
    .sort((a, b) => place(a.path).localeCompare(place(b.path), "en"))
    .slice(0, MAX_FILES);
  return {
    paths: paths.map(({ path }) => path),
    bytes: paths.reduce((sum, { size }) => sum + size, 0),
    leftOut: found.length - paths.length,
  };
}

async function* walk(folder: string, below: string): AsyncGenerator<string> {
  for (const entry of await readdir(join(folder, below), { withFileTypes: true })) {
    if (entry.name.startsWith(".") || entry.name === "node_modules") continue;
    const path = below === "" ? entry.name : `${below}/${entry.name}`;
    if (entry.isDirectory()) yield* walk(folder, path);
    else if (entry.isFile() && /\.md$/i.test(entry.name)) yield path;
  }
}

function place(path: string): string {
  return /^readme\.md$/i.test(path) ? "" : path;
}
