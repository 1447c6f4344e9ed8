import { readFileSync } from "node:fs";

import ts from "typescript";

import { removalsOf } from "./removals.ts";
import { partNames } from "./parts.ts";
import { spoken, tokensOf, type Token } from "./sql-tokens.ts";

/** A change of one file that takes one thing from one statement. */
export interface Mutation {
  /** Below the repository's root. */
  readonly file: string;
  readonly start: number;
  readonly end: number;
  readonly removed: string;
  readonly becomes: string;
}

/** A mutation, and where a reader finds it. */
export interface Mutant extends Mutation {
  /** The statement's part, and the column that is set there: `turn settled.status`. */
  readonly part: string;
  /** What is removed, with single spaces. */
  readonly text: string;
  readonly line: number;
}

/** Whether a template is SQL rather than a message. */
const SQL = /\b(?:SELECT|UPDATE|INSERT INTO|DELETE FROM|WITH)\b[^]*\b(?:FROM|SET|VALUES|AS)\b/;

/** The same of a file that holds SQL: a condition, or what is read from, may be a text of its own there. */
const PART = /\bCASE WHEN\b|^\([^]*\bAND\b|^FROM\b[^]*\bWHERE\b/;

/** The SQL of a TypeScript file: where its template literals begin and end. */
export function templatesOf(
  file: string,
  source: string,
  isSql: (text: string) => boolean = (text) => SQL.test(text),
): readonly (readonly [number, number])[] {
  const ranges: [number, number][] = [];
  const visit = (node: ts.Node): void => {
    if (ts.isTemplateExpression(node) || ts.isNoSubstitutionTemplateLiteral(node)) {
      const [start, end] = [node.getStart() + 1, node.end - 1];
      if (isSql(source.slice(start, end))) ranges.push([start, end]);
    } else ts.forEachChild(node, visit);
  };
  visit(ts.createSourceFile(file, source, ts.ScriptTarget.ESNext, true));
  return ranges;
}

/** Between the marks that enclose a function's text: the first ones behind what stands before it. */
function between(source: string, mark: string, before: string): readonly (readonly [number, number])[] {
  const place = source.indexOf(before);
  if (place < 0) throw new Error(`no ${before}`);
  const start = source.indexOf(mark, place) + mark.length;
  const end = source.indexOf(mark, start);
  if (start < mark.length || end < 0) throw new Error(`no text between two ${mark}`);
  return [[start, end]];
}

/** Where a statement's SQL is. */
export interface Source {
  readonly name: string;
  readonly file: string;
  /** What encloses it in an SQL file; null where it is all of the file. */
  readonly mark?: string | null;
  /** What stands before that, where a file has several. @default the file's beginning */
  readonly before?: string;
}

/** Every mutant of a statement. */
export function mutantsOf({ name, file, mark, before = "" }: Source, root: URL): readonly Mutant[] {
  const source = readFileSync(new URL(file, root), "utf8");
  const ranges =
    mark === undefined
      ? templatesOf(file, source, (text) => SQL.test(text) || PART.test(text))
      : mark === null
        ? [[0, source.length] as const]
        : between(source, mark, before);
  if (ranges.length === 0) throw new Error(`${file} holds no statement`);
  return ranges.flatMap(([start, end]) => {
    const tokens = tokensOf(source, start, end);
    const names = partNames(tokens);
    return removalsOf(tokens).map((removal) => {
      const [first, last] = ends(removal.tokens);
      const rest = source.slice(start, first.start) + source.slice(last.end, end);
      const removed = source.slice(first.start, last.end);
      return {
        file,
        start: first.start,
        end: last.end,
        removed,
        becomes: keepingParameters(removal.becomes, removed, rest),
        part: [name, names[tokens.indexOf(first)]].filter(Boolean).join(" "),
        text: spoken(source, removal.tokens),
        line: source.slice(0, first.start).split("\n").length,
      };
    });
  });
}

/** Without any use a parameter would have no type, and PostgreSQL would refuse what a test should miss. */
function keepingParameters(becomes: string, removed: string, rest: string): string {
  const lone = new Set(
    (removed.match(/\$\d+\b/g) ?? []).filter((name) => !new RegExp(`\\${name}\\b`).test(rest)),
  );
  if (lone.size === 0 || (becomes !== "true" && becomes !== "false")) return becomes;
  const uses = [...lone].map((name) => `${name}::text IS NULL`).join(" AND ");
  return becomes === "true" ? `(true OR ${uses})` : `(false AND ${uses})`;
}

/** The source with what the mutation removes gone. @throws Error where something else stands there. */
export function mutated(source: string, { file, start, end, removed, becomes }: Mutation): string {
  if (source.slice(start, end) !== removed)
    throw new Error(`${file} has changed since its mutants were made`);
  return source.slice(0, start) + becomes + source.slice(end);
}

function ends(tokens: readonly Token[]): readonly [Token, Token] {
  const [first, last] = [tokens[0], tokens.at(-1)];
  if (first === undefined || last === undefined) throw new Error("an empty removal");
  return [first, last];
}
