import { delimiter } from "node:path";
import { fileURLToPath } from "node:url";

/** Where `npm run test:runtimes` puts the programs that it installs. */
const PROGRAMS = fileURLToPath(new URL("node_modules/.bin/", import.meta.url));

/** A PATH on which they are, as where somebody has installed them. */
export const PATH_WITH_PROGRAMS = `${PROGRAMS}${delimiter}${process.env["PATH"] ?? ""}`;

/** The path of such a program. */
export function program(name: "bun" | "deno" | "wrangler"): string {
  return PROGRAMS + name;
}
