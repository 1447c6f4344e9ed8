import { existsSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";
import { expect, test } from "vitest";

import { testQueue } from "../support/queue.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));
const readme = readFileSync(`${root}README.md`, "utf8");
const queue = await testQueue();

/** The README's code of one language, block by block. */
function blocks(language: string): string[] {
  const found = readme.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\``, "gms"));
  return [...found].map(([, code = ""]) => code);
}

test(
  "each piece of TypeScript in the README compiles under the strictest settings",
  { timeout: 60_000 },
  () => {
    const code = new Map(blocks("ts").map((text, index) => [`${root}test/package/readme-${index}.ts`, text]));
    expect(code.size).toBeGreaterThanOrEqual(4);
    const config = ts.getParsedCommandLineOfConfigFile(
      `${root}tsconfig.json`,
      {},
      {
        ...ts.sys,
        onUnRecoverableConfigFileDiagnostic: ({ messageText }) =>
          expect.fail(ts.flattenDiagnosticMessageText(messageText, "\n")),
      },
    );
    const host = ts.createCompilerHost(config?.options ?? {});
    const fromDisk = host.getSourceFile.bind(host);
    host.getSourceFile = (name, options) => {
      const text = code.get(name);
      return text === undefined ? fromDisk(name, options) : ts.createSourceFile(name, text, options);
    };
    const exists = host.fileExists.bind(host);
    host.fileExists = (name) => code.has(name) || exists(name);
    const program = ts.createProgram([...code.keys()], config?.options ?? {}, host);
    const problems = [...code.keys()].flatMap((name) => {
      const source = program.getSourceFile(name);
      return [...program.getSyntacticDiagnostics(source), ...program.getSemanticDiagnostics(source)];
    });
    expect(ts.formatDiagnostics(problems, host)).toBe("");
  },
);

test("each SQL statement in the README runs as it stands", async () => {
  const statements = blocks("sql").flatMap((text) => text.split(/;\s*$/m).filter((one) => one.trim() !== ""));
  expect(statements.length).toBeGreaterThanOrEqual(5);
  for (const statement of statements) await queue.rows(statement);
  const [row] = await queue.rows("SELECT count(*)::int AS jobs FROM jobs");
  expect(row).toEqual({ jobs: 2 });
});

test("the README's two commands are scripts of the package, and CI runs the second", () => {
  const { scripts } = JSON.parse(readFileSync(`${root}package.json`, "utf8")) as {
    scripts: Record<string, string>;
  };
  const commands = blocks("sh").flatMap((text) => text.trim().split("\n"));
  expect(commands).toContain("npm ci && npm start");
  expect(commands).toContain("npm ci && npm test");
  expect(Object.keys(scripts)).toEqual(expect.arrayContaining(["start", "test"]));
  expect(readFileSync(`${root}.ci/run`, "utf8")).toMatch(/npm test/);
});

test("each of the README's links into the repository leads somewhere", () => {
  const links = [...readme.matchAll(/\]\(([^)#:]+)\)/g)].map(([, path = ""]) => path);
  expect(links.length).toBeGreaterThan(3);
  expect(links.filter((path) => !existsSync(root + path))).toEqual([]);
});
