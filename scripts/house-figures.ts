// npm run figures [-- folder …]: how the code of some folders reads, by default of src: its files, functions, comments and
// chains of imports. A file or a chain that has grown much longer than the others has begun to do a second thing.
import { globSync, readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import ts from "typescript";

import { importsOf } from "../test/package/import-graph.ts";

const root = fileURLToPath(new URL("../", import.meta.url));
const given = process.argv.slice(2);
const folders = given.length > 0 ? given : ["src"];

const paths = folders.flatMap((folder) => globSync(`${folder}/**/*.ts`, { cwd: root })).sort();
const sources = new Map(
  paths.map((path) => {
    const text = readFileSync(root + path, "utf8");
    return [path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)];
  }),
);
if (sources.size === 0) throw new Error(`no TypeScript in ${folders.join(", ")}`);

const files = [...sources].map(([path, source]) => ({ name: path, lines: linesOf(source, 0, source.end) }));
const functions = [...sources].flatMap(([path, source]) => functionsOf(path, source));
const comments = [...sources.values()].reduce((lines, source) => lines + commentLines(source), 0);
const perFolder = Map.groupBy(paths, (path) => path.slice(0, path.lastIndexOf("/")));
const imports = new Map(
  [...sources].map(([path, { text }]) => [path, importsOf(path, text).filter((to) => sources.has(to))]),
);
/** As {@link depthOf} has found them. */
const depths = new Map<string, number>();
const chains = paths.map((path) => ({ name: path, lines: depthOf(path) }));
const allLines = files.reduce((sum, { lines }) => sum + lines, 0);

console.log(`${folders.join(", ")}: ${files.length} files, ${allLines} lines`);
console.log(`  lines of a file      ${spread(files)}`);
console.log(
  `  lines of a function  ${spread(functions)}; ${functions.filter(({ lines }) => lines > 40).length} above 40`,
);
console.log(`  comments             ${((100 * comments) / allLines).toFixed(1)} % of the lines`);
console.log(`  imports in a row     ${spread(chains)}`);
console.log(`  imports in all       ${[...imports.values()].reduce((sum, { length }) => sum + length, 0)}`);
console.log(
  `  files of a folder    ${spread([...perFolder].map(([name, { length }]) => ({ name, lines: length })))}`,
);

interface Measured {
  readonly name: string;
  readonly lines: number;
}

function spread(all: readonly Measured[]): string {
  const sorted = [...all].sort((one, other) => one.lines - other.lines);
  const at = (share: number): number => sorted[Math.floor((sorted.length - 1) * share)]?.lines ?? 0;
  const most = sorted.at(-1);
  return `median ${at(0.5)}, p95 ${at(0.95)}, most ${most?.lines ?? 0} (${most?.name ?? "none"})`;
}

function linesOf(source: ts.SourceFile, from: number, to: number): number {
  const line = (position: number): number => source.getLineAndCharacterOfPosition(position).line;
  return line(to) - line(from) + (to === source.end ? 0 : 1);
}

/** Every function with a body, its name, and how many lines it takes. */
function functionsOf(path: string, source: ts.SourceFile): Measured[] {
  const found: Measured[] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isFunctionLike(node) && "body" in node && node.body !== undefined) {
      const name =
        node.name?.getText() ?? (ts.isVariableDeclaration(node.parent) ? node.parent.name.getText() : "");
      found.push({ name: `${path} ${name}`.trim(), lines: linesOf(source, node.getStart(), node.end) });
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found;
}

/** Lines on which a comment stands alone. */
function commentLines(source: ts.SourceFile): number {
  const { text } = source;
  const found = new Set<number>();
  const visit = (node: ts.Node): void => {
    for (const range of ts.getLeadingCommentRanges(text, node.getFullStart()) ?? []) {
      const [first, last] = [range.pos, range.end].map((at) => source.getLineAndCharacterOfPosition(at).line);
      for (let line = first ?? 0; line <= (last ?? -1); line += 1) found.add(line);
    }
    ts.forEachChild(node, visit);
  };
  visit(source);
  return found.size;
}

/** The longest way down through imports, in files. */
function depthOf(path: string): number {
  const known = depths.get(path);
  if (known !== undefined) return known;
  // Tests have circles, of types.
  depths.set(path, 0);
  const depth = 1 + Math.max(0, ...(imports.get(path) ?? []).map(depthOf));
  depths.set(path, depth);
  return depth;
}
