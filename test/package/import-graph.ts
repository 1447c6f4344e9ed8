import { posix } from "node:path";

import ts from "typescript";

/** Files by their path from the root, as text. */
export type SourceFiles = ReadonlyMap<string, string>;

/** Each layer with the layers that it may import; its own files always. */
const ARROWS = {
  core: [],
  adapters: ["core"],
  runners: ["core"],
  integrations: ["core", "runners"],
  // Pages over a queue; exported as pqrun/dashboard.
  dashboard: ["core"],
  // What makes and upgrades the table; exported as pqrun/migrate.
  migrate: ["core"],
  // A queue for each test of an application; exported as pqrun/testing.
  testing: ["core", "adapters", "runners", "migrate"],
  cli: ["core", "adapters", "runners", "integrations", "migrate", "dashboard"],
  // The files of src itself: they only export again.
  entry: ["core", "runners"],
  // Exported as pqrun/conformance, so it is held to the rules of src.
  conformance: ["core", "runners"],
} as const satisfies Record<string, readonly string[]>;

type Layer = keyof typeof ARROWS;

/** The operations of the queue, each in a file of its own; release and reap are outcomes of the turn. They do not import each other. */
export const OPERATIONS: readonly string[] = [
  "cancel",
  "cancel-many",
  "count-matching",
  "extend",
  "failures",
  "find-pickup",
  "get",
  "history",
  "limits",
  "list",
  "overview",
  "prune",
  "read-steps",
  "redrive",
  "remember-step",
  "retry",
  "run-now",
  "settle-in-transaction",
  "stats",
  "tick",
  "workers",
].map((name) => `src/core/operations/${name}.ts`);

/** Rooms of one layer that do not know each other: the first imports nothing of the second. */
export const WALLS: readonly (readonly [from: string, to: string])[] = [
  ["src/runners/worker/", "src/runners/drain/"],
  ["src/runners/drain/", "src/runners/worker/"],
  ["src/runners/job/", "src/runners/worker/"],
  ["src/runners/job/", "src/runners/drain/"],
  ["src/core/turn/", "src/core/operations/"],
  ["src/core/operations/", "src/core/turn/"],
  ["src/core/enqueue/", "src/core/turn/"],
  ["src/core/enqueue/", "src/core/operations/"],
  ["src/core/turn/", "src/core/enqueue/"],
  ["src/core/operations/", "src/core/enqueue/"],
  ["src/core/values/", "src/core/sql/"],
  ["src/core/sql/", "src/core/turn/"],
  ["src/core/sql/", "src/core/operations/"],
  ["src/core/sql/", "src/core/enqueue/"],
  ["src/adapters/pg/", "src/adapters/postgres/"],
  ["src/adapters/postgres/", "src/adapters/pg/"],
];

/** What each layer may import from outside: nothing, unless it stands here. */
const PACKAGES: Partial<Record<Layer, RegExp>> = {
  integrations: /^hono(\/|$)/,
  dashboard: /^hono(\/|$)/,
  testing: /^@electric-sql\/pglite$/,
  // The demo serves the example itself, and `work` and `drain` run a file of the user's.
  cli: /^node:|^a module that is computed: fileUrl$|^examples\/hono-node\/|^(pg|postgres|@neondatabase\/serverless|@electric-sql\/pglite|hono|@hono\/node-server)(\/|$)/,
};

/** Every import that the layout forbids, and every circle, in words. */
export function wrongImports(files: SourceFiles): string[] {
  const edges = [...files].flatMap(([from, text]) => importsOf(from, text).map((to) => ({ from, to })));
  return [...edges.flatMap(({ from, to }) => wrongArrow(from, to)), ...circles(edges)];
}

function wrongArrow(from: string, to: string): string[] {
  const [here, there] = [layerOf(from), layerOf(to)];
  if (here === undefined) return [`${from} is in no layer`];
  if (!to.startsWith("src/") && !to.startsWith("test/")) return wrongPackage(from, here, to);
  const allowed: readonly string[] = [here, ...ARROWS[here]];
  if (there === undefined || !allowed.includes(there)) return [`${from} imports ${to}`];
  const wall = WALLS.find(([one, other]) => from.startsWith(one) && to.startsWith(other));
  if (wall) return [`${from} imports ${to}: there is a wall between ${wall[0]} and ${wall[1]}`];
  const operations = OPERATIONS.includes(from) && OPERATIONS.includes(to);
  return operations ? [`${from} imports ${to}: operations do not import each other`] : [];
}

function wrongPackage(from: string, layer: Layer, name: string): string[] {
  const ofNode = name.startsWith("node:") && (layer === "migrate" || from === "src/integrations/node.ts");
  return ofNode || PACKAGES[layer]?.test(name) ? [] : [`${from} imports ${name}`];
}

function layerOf(path: string): Layer | undefined {
  if (/^src\/[^/]+\.ts$/.test(path)) return "entry";
  const folder = /^(?:src|test)\/([^/]+)\//.exec(path)?.[1];
  const layer = (Object.keys(ARROWS) as Layer[]).find((name) => name === folder);
  return (layer === "conformance") === path.startsWith("test/") ? layer : undefined;
}

/** Each circle once, at the import that closes it. */
function circles(edges: readonly { from: string; to: string }[]): string[] {
  const found: string[] = [];
  const done = new Set<string>();
  const visit = (file: string, path: readonly string[]): void => {
    const start = path.indexOf(file);
    if (start >= 0) found.push([...path.slice(start), file].join(" → "));
    if (start >= 0 || done.has(file)) return;
    for (const { from, to } of edges) if (from === file) visit(to, [...path, file]);
    done.add(file);
  };
  for (const { from } of edges) visit(from, []);
  return found;
}

/** What a file imports or exports again, for values or types: packages by name, files by path from the root. */
export function importsOf(path: string, text: string): string[] {
  const found: string[] = [];
  const visit = (node: ts.Node): void => {
    const specifier = specifierOf(node);
    if (specifier && ts.isStringLiteralLike(specifier)) found.push(specifier.text);
    else if (specifier) found.push(`a module that is computed: ${specifier.getText()}`);
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return found.map((name) => (name.startsWith(".") ? posix.join(posix.dirname(path), name) : name));
}

function specifierOf(node: ts.Node): ts.Node | undefined {
  if (ts.isImportDeclaration(node) || ts.isExportDeclaration(node)) return node.moduleSpecifier;
  if (ts.isExternalModuleReference(node)) return node.expression;
  if (ts.isImportTypeNode(node))
    return ts.isLiteralTypeNode(node.argument) ? node.argument.literal : node.argument;
  const dynamic = ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword;
  return dynamic ? node.arguments[0] : undefined;
}
