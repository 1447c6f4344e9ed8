import fs from "node:fs";
import { syncBuiltinESMExports } from "node:module";

import { inject } from "vitest";

import type { Mutation } from "./mutants.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** The mutation under test; null in a run that shows that all pass without one. */
    mutation: Mutation | null;
  }
}

/** SQL files are read, not imported: what reads one gets it mutated. */
const mutation = inject("mutation");
if (mutation?.file.endsWith(".sql") === true) {
  const read = fs.readFileSync;
  const { file, start, end, removed, becomes } = mutation;
  fs.readFileSync = ((...args: Parameters<typeof read>) => {
    const content = read(...args);
    if (typeof content !== "string" || !String(args[0]).endsWith(file)) return content;
    if (content.slice(start, end) !== removed) throw new Error(`${file} has changed`);
    return content.slice(0, start) + becomes + content.slice(end);
  }) as typeof read;
  syncBuiltinESMExports();
}
