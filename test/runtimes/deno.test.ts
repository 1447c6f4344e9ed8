import manifest from "./package.json" with { type: "json" };
import { registerProcessRow } from "./process-row.ts";
import { program } from "./program.ts";

const version = manifest.devDependencies.deno;

await registerProcessRow(
  { title: `Deno ${version}`, runtime: "deno", version },
  [program("deno"), "run", "-A"],
  "postgres",
);
