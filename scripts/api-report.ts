// npm run api: writes docs/api.txt, the declarations of all that the package exposes. A test compares it with the sources,
// so that a change of the public surface is seen in its commit.
import { readFileSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

import ts from "typescript";

import { ENTRIES } from "./entries.ts";
import { writeJsrExports } from "./jsr.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const REPORT = `${root}docs/api.txt`;
const HEAD = `All that the package exposes, as declared in its sources, without comments. Written by \`npm run api\`.
What is declared under "not exported" is part of an exported type, but has no name for users.
`;

/** One top-level declaration, or its overloads. */
interface Declared {
  readonly file: string;
  readonly name: string;
  text: string;
  /** The names that it speaks of. */
  readonly mentions: Set<string>;
}

/** The declarations of one file, by name; and where its other names come from. */
interface DeclarationFile {
  readonly declared: Map<string, Declared>;
  readonly imported: Map<string, { readonly file: string; readonly name: string }>;
}

/** The report as it stands. */
export function writtenReport(): string {
  return readFileSync(REPORT, "utf8");
}

/** The report as it should be. */
export function apiReport(): string {
  const program = programOf(Object.values(ENTRIES).map((source) => root + source));
  const files = declarationsOf(program);
  const exported = new Map<Declared, string>();
  const lists = Object.entries(ENTRIES).flatMap(([entry, source]) => {
    const all = exportsOf(program, root + source, files);
    const names = all.map(([name]) => name).sort();
    for (const [name, declared] of all) if (!exported.has(declared)) exported.set(declared, name);
    const path = entry === "index" ? "pqrun" : `pqrun/${entry}`;
    return names.length === 0 ? [] : [`${path}\n${names.map((name) => `  ${name}`).join("\n")}\n`];
  });
  const hidden = [...reachable([...exported.keys()], files)].filter((one) => !exported.has(one));
  return [HEAD, ...lists, "Exported\n", textOf([...exported.keys()]), "Not exported\n", textOf(hidden)].join(
    "\n",
  );
}

function programOf(entries: readonly string[]): ts.Program {
  const config = ts.readConfigFile(`${root}tsconfig.json`, (path) => ts.sys.readFile(path));
  const { options } = ts.parseJsonConfigFileContent(config.config, ts.sys, root);
  return ts.createProgram(entries, {
    ...options,
    noEmit: false,
    declaration: true,
    stripInternal: true,
    emitDeclarationOnly: true,
    removeComments: true,
  });
}

/** What the compiler would write for each of the sources. */
function declarationsOf(program: ts.Program): Map<string, DeclarationFile> {
  const files = new Map<string, DeclarationFile>();
  program.emit(undefined, (path, text) => {
    if (!path.endsWith(".d.ts")) return;
    const file = `${path.slice(0, -".d.ts".length)}.ts`;
    files.set(file, declarationFile(file, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)));
  });
  return files;
}

function declarationFile(file: string, source: ts.SourceFile): DeclarationFile {
  const declared = new Map<string, Declared>();
  const imported: DeclarationFile["imported"] = new Map();
  for (const statement of source.statements) {
    if (ts.isImportDeclaration(statement)) {
      const from = join(dirname(file), (statement.moduleSpecifier as ts.StringLiteral).text);
      const bindings = statement.importClause?.namedBindings;
      if (bindings === undefined || !ts.isNamedImports(bindings)) continue;
      for (const { name, propertyName } of bindings.elements)
        imported.set(name.text, { file: from, name: (propertyName ?? name).text });
    } else {
      for (const name of namesOf(statement)) {
        const text = statement.getText().replace(/^export (default )?(declare )?/, "");
        const one = declared.get(name);
        if (one !== undefined) one.text += `\n${text}`;
        else declared.set(name, { file, name, text, mentions: new Set() });
        mention(statement, declared.get(name)?.mentions ?? new Set());
      }
    }
  }
  return { declared, imported };
}

function namesOf(statement: ts.Statement): readonly string[] {
  if (ts.isVariableStatement(statement))
    return statement.declarationList.declarations.map(({ name }) => name.getText());
  const named =
    ts.isFunctionDeclaration(statement) ||
    ts.isClassDeclaration(statement) ||
    ts.isInterfaceDeclaration(statement) ||
    ts.isTypeAliasDeclaration(statement);
  return named && statement.name !== undefined ? [statement.name.text] : [];
}

function mention(node: ts.Node, into: Set<string>): void {
  if (ts.isTypeReferenceNode(node)) into.add(node.typeName.getText());
  else if (ts.isTypeQueryNode(node)) into.add(node.exprName.getText());
  else if (ts.isExpressionWithTypeArguments(node)) into.add(node.expression.getText());
  else if (ts.isComputedPropertyName(node)) into.add(node.expression.getText());
  ts.forEachChild(node, (child) => {
    mention(child, into);
  });
}

/** An entry's names, each with its declaration. */
function exportsOf(
  program: ts.Program,
  entry: string,
  files: ReadonlyMap<string, DeclarationFile>,
): (readonly [name: string, declared: Declared])[] {
  const checker = program.getTypeChecker();
  const source = program.getSourceFile(entry);
  const module = source && checker.getSymbolAtLocation(source);
  if (module === undefined) return [];
  return checker.getExportsOfModule(module).flatMap((symbol) => {
    const original = symbol.flags & ts.SymbolFlags.Alias ? checker.getAliasedSymbol(symbol) : symbol;
    const file = original.declarations?.[0]?.getSourceFile().fileName ?? "";
    const declared = files.get(file)?.declared.get(original.name);
    if (declared === undefined) throw new Error(`${symbol.name} has no declaration in ${file}`);
    return [[symbol.name, declared] as const];
  });
}

/** All that these declarations speak of, and what that speaks of in turn. */
function reachable(from: readonly Declared[], files: ReadonlyMap<string, DeclarationFile>): Set<Declared> {
  const found = new Set<Declared>();
  const queue = [...from];
  for (let one = queue.pop(); one !== undefined; one = queue.pop()) {
    if (found.has(one)) continue;
    found.add(one);
    const file = files.get(one.file);
    for (const name of one.mentions) {
      const elsewhere = file?.imported.get(name);
      const next = elsewhere
        ? files.get(elsewhere.file)?.declared.get(elsewhere.name)
        : file?.declared.get(name);
      if (next !== undefined) queue.push(next);
    }
  }
  return found;
}

function textOf(declared: readonly Declared[]): string {
  const byName = (one: Declared, other: Declared): number =>
    compare(one.name, other.name) || compare(one.file, other.file);
  return [...declared]
    .sort(byName)
    .map(({ text }) => `${text}\n`)
    .join("\n");
}

function compare(one: string, other: string): number {
  return one < other ? -1 : one > other ? 1 : 0;
}

if (import.meta.main) {
  writeFileSync(REPORT, apiReport());
  writeJsrExports();
  console.log("docs/api.txt is written, and the exports of deno.json");
}
