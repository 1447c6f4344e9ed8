import { execFile } from "node:child_process";
import { mkdirSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { ENTRIES } from "../../scripts/entries.ts";
import { PROJECT } from "../../scripts/install-built.ts";

const tsc = createRequire(import.meta.url).resolve("typescript/bin/tsc");
const folder = `${PROJECT}declarations/`;

/** What an application has that imports every entry, and takes nothing on trust. */
const STRICT = {
  strict: true,
  noEmit: true,
  target: "es2022",
  module: "nodenext",
  skipLibCheck: false,
  types: [],
};

/** What tsc complains of. */
async function complaints(compilerOptions: object): Promise<string> {
  mkdirSync(folder, { recursive: true });
  const imports = Object.keys(ENTRIES)
    .filter((name) => !name.includes("/"))
    .map((name) => (name === "index" ? "pqrun" : `pqrun/${name}`))
    .map((path, index) => `export * as entry${index} from "${path}";`);
  const uses = `import { Worker } from "pqrun";
export async function scope(worker: Worker): Promise<void> { await using one = worker; await one.run(); }`;
  writeFileSync(`${folder}use.ts`, [...imports, uses].join("\n"));
  writeFileSync(`${folder}tsconfig.json`, JSON.stringify({ compilerOptions, files: ["use.ts"] }));
  return promisify(execFile)(process.execPath, [tsc, "-p", folder]).then(
    ({ stdout }) => stdout,
    (error: unknown) => String((error as { readonly stdout?: unknown }).stdout),
  );
}

test.for([
  ["es2022", "dom"],
  ["es2023", "webworker"],
])(
  "the declarations of every entry compile without Node's types, with lib %s and %s, skipLibCheck off",
  { timeout: 300_000 },
  async (lib) => {
    expect(await complaints({ ...STRICT, lib })).toBe("");
  },
);

test("and with Node's types alone", { timeout: 300_000 }, async () => {
  expect(await complaints({ ...STRICT, lib: ["es2022"], types: ["node"] })).toBe("");
});
