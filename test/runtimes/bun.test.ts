import manifest from "./package.json" with { type: "json" };
import { DRIVERS, registerProcessRow } from "./process-row.ts";
import { program } from "./program.ts";

const version = manifest.devDependencies.bun;

await registerProcessRow({ title: `Bun ${version}`, runtime: "bun", version }, [program("bun")], "bun-sql", {
  ...DRIVERS,
  "bun-sql": "Bun.SQL",
});
