import { fileURLToPath } from "node:url";

/** Where `npm run test:runtimes` puts the programs that it installs. */
export const PROGRAMS = fileURLToPath(new URL("node_modules/.bin/", import.meta.url));

/** The path of such a program. */
export function program(name: "bun" | "deno" | "wrangler"): string {
  return PROGRAMS + name;
}
