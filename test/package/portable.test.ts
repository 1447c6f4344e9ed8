import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

const root = fileURLToPath(new URL("../../", import.meta.url));
const fixtures = ["node-import", "node-global", "dom-global", "standard-globals"].map(
  (name) => `${root}test/package/fixtures/${name}.ts`,
);
const program = portableProgram(fixtures);

test.each([
  ["node-import", "Cannot find name 'node:fs'"],
  ["node-global", "Cannot find name 'process'"],
  ["dom-global", "Cannot find name 'document'"],
])("%s does not compile where core, adapters and runners do", (fixture, message) => {
  expect(errorsIn(`${root}test/package/fixtures/${fixture}.ts`).join("\n")).toContain(message);
});

test("the globals that every runtime has do compile there", () => {
  expect(errorsIn(`${root}test/package/fixtures/standard-globals.ts`)).toEqual([]);
});

test("every file of core, adapters and runners is among those", () => {
  const compiled = new Set(program.getRootFileNames());
  const missing = ["core", "adapters", "runners"]
    .flatMap((layer) => ts.sys.readDirectory(`${root}src/${layer}`, [".ts"]))
    .filter((file) => !compiled.has(file));
  expect(missing).toEqual([]);
});

/** The whole portable project and more files: one type reference to Node anywhere would let all of them pass. */
function portableProgram(more: readonly string[]): ts.Program {
  const { config, error } = ts.readConfigFile(`${root}tsconfig.portable.json`, (path) =>
    ts.sys.readFile(path),
  ) as {
    config: unknown;
    error?: ts.Diagnostic;
  };
  if (error) throw new Error(text(error));
  const { fileNames, options } = ts.parseJsonConfigFileContent(config, ts.sys, root);
  return ts.createProgram([...fileNames, ...more], options);
}

function errorsIn(path: string): string[] {
  const file = program.getSourceFile(path);
  if (!file) throw new Error(`${path} was not compiled`);
  return [...program.getSyntacticDiagnostics(file), ...program.getSemanticDiagnostics(file)].map(text);
}

function text(diagnostic: ts.Diagnostic): string {
  return ts.flattenDiagnosticMessageText(diagnostic.messageText, "\n");
}
