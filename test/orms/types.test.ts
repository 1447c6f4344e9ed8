import { globSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

import { ORMS, releaseOf } from "../../scripts/orms.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const release = releaseOf(process.env["PQRUN_ORMS"]);
const packages = `test/orms/${release}/node_modules/`;
/** Recipes for what the folder of the oldest releases does not have. */
const newestAlone = /recipes\/(?:mikro-orm|sequelize|objection)\.ts$/;

test("each ORM's own transaction fits its wrapper without a cast, and its pool does not, under the strictest settings", () => {
  const files = globSync(["test/orms/*.ts", "test/orms/recipes/*.ts"], { cwd: root })
    .filter((file) => release === "newest" || !newestAlone.test(file))
    .map((file) => root + file);
  const program = ts.createProgram(files, options());
  const problems = files.flatMap((file) => {
    const source = program.getSourceFile(file);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  expect(ts.formatDiagnostics(problems, ts.createCompilerHost({}))).toBe("");
});

/** The root's, with the ORMs in the folder of this release. */
function options(): ts.CompilerOptions {
  const { config } = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  const names = globSync([`${packages}*`, `${packages}@*/*`], { cwd: root }).map((path) =>
    path.slice(packages.length),
  );
  const orms = names.filter(
    (name) => ORMS.test(name) && name !== "pg" && name !== "@prisma" && name !== "@mikro-orm",
  );
  return {
    ...options,
    module: ts.ModuleKind.ESNext,
    moduleResolution: ts.ModuleResolutionKind.Bundler,
    paths: {
      ...options.paths,
      ...Object.fromEntries(
        orms.flatMap((name) => [
          [name, [`${root}${packages}${name}`]],
          [`${name}/*`, [`${root}${packages}${name}/*`]],
        ]),
      ),
      "prisma-generated": [`${root}test/orms/${release}/generated/client.ts`],
    },
  };
}
