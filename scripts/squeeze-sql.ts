import { readFileSync } from "node:fs";

import type { Plugin } from "esbuild";
import ts from "typescript";

/**
 * Takes comments and indentation out of the SQL of `src/core`, as esbuild does
 * with those of the code around it: a turn is written to be read, and is sent
 * thousands of times. And the indentation out of the HTML of `src/dashboard`.
 */
export const squeezeSql: Plugin = {
  name: "squeeze-sql",
  setup(build) {
    build.onLoad({ filter: /[\\/]src[\\/](?:core|dashboard)[\\/].+\.ts$/ }, ({ path }) => ({
      contents: squeezed(readFileSync(path, "utf8")),
      loader: "ts",
    }));
  },
};

/** The source with each template text squeezed. */
export function squeezed(source: string): string {
  const file = ts.createSourceFile("core.ts", source, ts.ScriptTarget.Latest);
  let [text, end] = ["", 0];
  const visit = (node: ts.Node): void => {
    if (
      ts.isTemplateLiteralToken(node) ||
      ts.isTemplateMiddleOrTemplateTail(node) ||
      ts.isTemplateHead(node)
    ) {
      const start = node.getStart(file);
      text += source.slice(end, start) + squeezedText(source.slice(start, node.end));
      end = node.end;
    }
    ts.forEachChild(node, visit);
  };
  visit(file);
  return text + source.slice(end);
}

function squeezedText(text: string): string {
  return text.replaceAll(/\n\s*--[^\n]*(?=\n)/g, "").replaceAll(/\s*\n\s*/g, "\n");
}
