import { readFile, realpath, stat } from "node:fs/promises";
import { resolve, sep } from "node:path";

import { NonRetriableError } from "pqrun";

import type { Source } from "./jobs.ts";
import { headingOf } from "./text/markdown.ts";

const MAX_BYTES = 1_000_000;

/** Reads what a payload names: its text, or a Markdown file inside `folder` and nowhere else. */
export function documents(folder: string | undefined): (source: Source) => Promise<string> {
  return async (source) => {
    if ("text" in source) return source.text;
    if (folder === undefined) throw new NonRetriableError("no folder of documents is set");
    const file = await inside(folder, source.path);
    if ((await stat(file)).size > MAX_BYTES) throw new NonRetriableError(`over ${MAX_BYTES} bytes`);
    return await readFile(file, "utf8");
  };
}

/** What to call a document: its first heading, else its path, else its first words. */
export function titleOf(markdown: string, source: Source): string {
  return headingOf(markdown) ?? ("path" in source ? source.path : markdown.trim().slice(0, 60));
}

/** The real path, links followed. What isn't there won't be there at the next attempt either. */
async function inside(folder: string, path: string): Promise<string> {
  const [root, file] = await Promise.all([realpath(folder), realpath(resolve(folder, path))]).catch(
    (cause: unknown) => {
      throw new NonRetriableError("no such file", { cause });
    },
  );
  if (!/\.md$/i.test(file) || !file.startsWith(root.endsWith(sep) ? root : root + sep)) {
    throw new NonRetriableError("not a Markdown file of the folder");
  }
  return file;
}
