import { posix } from "node:path";

import ts from "typescript";

import type { SourceFiles } from "./import-graph.ts";

/** What one file exports, and what it takes of others. */
interface FileNames {
  readonly exported: readonly string[];
  /** As `path#name`; `path#*` for all that a file exports. */
  readonly taken: readonly string[];
  /** Names that the file's own types speak of: their users need to be able to name those, too. */
  readonly typed: ReadonlySet<string>;
  /** Members of its classes that anybody may use. */
  readonly members: readonly string[];
  /** Names after a dot, in a pattern or in brackets. */
  readonly accessed: readonly string[];
}

/**
 * The exports that no other file imports, and the members of classes that nothing uses, of files for which `concerns` is
 * true. `entries` are exempt: their importers are not here.
 */
export function deadNames(
  files: SourceFiles,
  entries: readonly string[],
  concerns: (path: string) => boolean,
): string[] {
  const names = new Map([...files].map(([path, text]) => [path, namesOf(path, text)]));
  const taken = new Set([...names.values()].flatMap((file) => file.taken));
  const accessed = new Set([...names.values()].flatMap((file) => file.accessed));
  return [...names].flatMap(([path, { exported, typed, members }]) => {
    if (!concerns(path)) return [];
    const unused = exported.filter(
      (name) => !taken.has(`${path}#${name}`) && !taken.has(`${path}#*`) && !typed.has(name),
    );
    return [
      ...(entries.includes(path)
        ? []
        : unused.map((name) => `${path} exports ${name}, which no other file imports`)),
      ...members
        .filter((name) => !accessed.has(name))
        .map((name) => `${path} has a member ${name}, which nothing uses`),
    ];
  });
}

function namesOf(path: string, text: string): FileNames {
  const exported: string[] = [];
  const taken: string[] = [];
  const typed = new Set<string>();
  const members: string[] = [];
  const accessed: string[] = [];
  const pathOf = (specifier: ts.Expression | undefined): string | undefined =>
    specifier !== undefined && ts.isStringLiteralLike(specifier) && specifier.text.startsWith(".")
      ? posix.join(posix.dirname(path), specifier.text)
      : undefined;
  const take = (specifier: ts.Expression | undefined, names: readonly string[]): void => {
    const from = pathOf(specifier);
    if (from !== undefined) taken.push(...names.map((name) => `${from}#${name}`));
  };
  const visit = (node: ts.Node): void => {
    if (ts.isImportDeclaration(node)) take(node.moduleSpecifier, importedNames(node));
    else if (ts.isExportDeclaration(node)) take(node.moduleSpecifier, reexportedNames(node));
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      take(node.arguments[0], ["*"]);
    else if (ts.isTypeQueryNode(node)) typed.add(node.exprName.getText());
    else if (ts.isTypeReferenceNode(node)) typed.add(node.typeName.getText());
    else if (ts.isExpressionWithTypeArguments(node)) typed.add(node.expression.getText());
    else if (ts.isPropertyAccessExpression(node)) accessed.push(node.name.text);
    else if (ts.isElementAccessExpression(node) && ts.isStringLiteral(node.argumentExpression))
      accessed.push(node.argumentExpression.text);
    else if (ts.isBindingElement(node)) accessed.push((node.propertyName ?? node.name).getText());
    else if (ts.isClassElement(node)) members.push(...memberNames(node));
    if (ts.isStatement(node) && isExported(node)) exported.push(...declaredNames(node));
    ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true));
  return { exported, taken, typed, members, accessed };
}

function importedNames({ importClause }: ts.ImportDeclaration): string[] {
  const bindings = importClause?.namedBindings;
  const named = bindings && ts.isNamedImports(bindings) ? bindings.elements.map(originalName) : [];
  return [
    ...(importClause?.name ? ["default"] : []),
    ...(bindings && ts.isNamespaceImport(bindings) ? ["*"] : named),
  ];
}

function reexportedNames({ exportClause }: ts.ExportDeclaration): string[] {
  return exportClause && ts.isNamedExports(exportClause) ? exportClause.elements.map(originalName) : ["*"];
}

function originalName({ propertyName, name }: ts.ImportSpecifier | ts.ExportSpecifier): string {
  return (propertyName ?? name).text;
}

function isExported(node: ts.Node): boolean {
  return (
    ts.canHaveModifiers(node) &&
    (ts.getModifiers(node) ?? []).some(({ kind }) => kind === ts.SyntaxKind.ExportKeyword)
  );
}

function declaredNames(node: ts.Statement): string[] {
  if (ts.isVariableStatement(node))
    return node.declarationList.declarations.map(({ name }) => name.getText());
  const named =
    ts.isFunctionDeclaration(node) ||
    ts.isClassDeclaration(node) ||
    ts.isInterfaceDeclaration(node) ||
    ts.isTypeAliasDeclaration(node);
  return named ? [node.name?.text ?? "default"] : [];
}

/** Without `#private` ones, whose use the compiler checks, and without `[Symbol.…]`, which the language calls. */
function memberNames(node: ts.ClassElement): string[] {
  return node.name !== undefined && ts.isIdentifier(node.name) ? [node.name.text] : [];
}
