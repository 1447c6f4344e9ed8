import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** The code of one language in a Markdown file, block by block. */
export function blocksOf(file: string, language: string): string[] {
  const text = readFileSync(root + file, "utf8");
  const found = text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"));
  return [...found].map(([, code = ""]) => code);
}

/** The links of a Markdown file that stay in the repository. */
export function linksOf(file: string): string[] {
  const text = readFileSync(root + file, "utf8");
  return [...text.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = ""]) => path);
}

/**
 * What is wrong with these texts under the strictest settings; empty where
 * nothing is. A text that begins with `// name.ts` may be imported as that.
 */
export function problemsIn(
  texts: readonly string[],
  ambient = "",
  overrides: ts.CompilerOptions = {},
): string {
  const folder = `${root}test/package/`;
  const code = new Map(
    texts.map((text, index) => [
      `${folder}${/^\/\/ (\w+\.ts)$/m.exec(text)?.[1] ?? `block-${index}.ts`}`,
      text,
    ]),
  );
  if (ambient !== "") code.set(`${folder}ambient.d.ts`, ambient);
  const config = ts.getParsedCommandLineOfConfigFile(
    `${root}tsconfig.json`,
    {},
    {
      ...ts.sys,
      onUnRecoverableConfigFileDiagnostic: ({ messageText }) => {
        throw new Error(ts.flattenDiagnosticMessageText(messageText, "\n"));
      },
    },
  );
  const options = { ...config?.options, ...overrides };
  const host = ts.createCompilerHost(options);
  const fromDisk = host.getSourceFile.bind(host);
  host.getSourceFile = (name, target) => {
    const text = code.get(name);
    return text === undefined ? fromDisk(name, target) : ts.createSourceFile(name, text, target);
  };
  const exists = host.fileExists.bind(host);
  host.fileExists = (name) => code.has(name) || exists(name);
  const program = ts.createProgram([...code.keys()], options, host);
  const problems = [...code.keys()].flatMap((name) => {
    const source = program.getSourceFile(name);
    return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
  });
  return ts.formatDiagnostics(problems, host);
}
