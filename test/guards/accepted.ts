import { readFileSync } from "node:fs";
import { registerHooks } from "node:module";
import { fileURLToPath, pathToFileURL } from "node:url";

import type { Client } from "pg";

import type { NumberedText } from "../../src/core/sql/parameters.ts";
import { tableNames, type TableNames } from "../../src/core/sql/table-names.ts";
import { mutated, type Mutation } from "./mutants.ts";
import { STATEMENTS } from "./statements.ts";

/**
 * Whether PostgreSQL takes the statement without what is removed; if not, what
 * it says. A text that is no SQL would fail every test, and prove nothing.
 */
export async function refusal(client: Client, mutation: Mutation, root: URL): Promise<string | null> {
  const path = fileURLToPath(new URL(mutation.file, root));
  const source = mutated(readFileSync(path, "utf8"), mutation);
  const texts = path.endsWith(".sql") ? [source] : await textsOf(path, source);
  if (texts.length === 0) throw new Error(`${mutation.file} exports no statement`);
  for (const text of texts) {
    try {
      await (path.endsWith(".sql") ? client.query(text) : plan(client, text));
    } catch (error) {
      return error instanceof Error ? error.message : JSON.stringify(error);
    }
  }
  return null;
}

/** Some refusals come only with the plan. */
async function plan(client: Client, text: string): Promise<void> {
  const params = Math.max(0, ...[...text.matchAll(/\$(\d+)/g)].map(([, number]) => Number(number)));
  const nulls = Array.from({ length: params }, () => "NULL").join(", ");
  await client.query(`PREPARE mutant AS ${text}`);
  try {
    await client.query(`EXPLAIN EXECUTE mutant${params === 0 ? "" : `(${nulls})`}`);
  } finally {
    await client.query("DEALLOCATE mutant");
  }
}

/** Whether it is a source of this repository, and not a package's. */
const isOwn = (url: string): boolean => url.endsWith(".ts") && !url.includes("/node_modules/");

/** A text, or one with the names of its parameters. */
function sentText(of: unknown): string {
  return typeof of === "string" ? of : (of as NumberedText).text;
}

/** What makes a text, or a statement. */
type Making = (names: TableNames, ...others: readonly unknown[]) => unknown;

let imports = 0;

/** The statements that a module would give if its source were this one; of a part, those of the whole. */
async function textsOf(path: string, source: string): Promise<readonly string[]> {
  imports += 1;
  const query = `?mutant=${imports}`;
  const url = pathToFileURL(path).href;
  const hooks = registerHooks({
    resolve: (specifier, context, next) => {
      const found = next(specifier, context);
      // What stands between the whole and its part is loaded anew too: it would have the part as it was.
      const anew = found.url === url || (context.parentURL?.endsWith(query) === true && isOwn(found.url));
      return anew ? { ...found, url: found.url + query } : found;
    },
    load: (asked, context, next) =>
      asked === url + query
        ? { format: "module-typescript", source, shortCircuit: true }
        : next(asked, context),
  });
  try {
    const whole = STATEMENTS.find(({ file }) => path.endsWith(file))?.whole;
    const entry = whole === undefined ? url : new URL(`../../${whole}`, import.meta.url).href;
    const module = (await import(entry + query)) as Readonly<Record<string, unknown>>;
    const names = tableNames();
    const made = (suffix: string, ...others: readonly unknown[]): readonly string[] =>
      Object.entries(module).flatMap(([name, value]) =>
        name.endsWith(suffix) ? [sentText((value as Making)(names, ...others))] : [],
      );
    const texts = made("Text");
    // Where no file has need of the text alone, the statement's own values stand in: a name, and options.
    return texts.length > 0 ? texts : made("Statement", "", {});
  } finally {
    hooks.deregister();
  }
}
