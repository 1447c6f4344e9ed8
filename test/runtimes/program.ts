import { fileURLToPath } from "node:url";

/** The path of a program that came with `npm ci`. */
export function program(name: "bun" | "deno" | "wrangler"): string {
  return fileURLToPath(new URL(`../../node_modules/.bin/${name}`, import.meta.url));
}
