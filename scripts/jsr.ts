import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { ENTRIES } from "./entries.ts";

const DENO_JSON = fileURLToPath(new URL("../deno.json", import.meta.url));

/** What only a project with a node_modules runs. */
const LEFT_OUT = ["conformance", "migrate", "testing", "cli/main"];

/** What JSR exports: each entry by its source. */
export function jsrExports(): Readonly<Record<string, string>> {
  const entries = Object.entries(ENTRIES).filter(([name]) => !LEFT_OUT.includes(name));
  return Object.fromEntries(
    entries.map(([name, source]) => [name === "index" ? "." : `./${name}`, `./${source}`]),
  );
}

/** Writes them into deno.json. */
export function writeJsrExports(): void {
  const manifest = JSON.parse(readFileSync(DENO_JSON, "utf8")) as object;
  writeFileSync(DENO_JSON, `${JSON.stringify({ ...manifest, exports: jsrExports() }, null, 2)}\n`);
}
