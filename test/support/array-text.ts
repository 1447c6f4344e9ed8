/** The elements of a PostgreSQL array's text, of one dimension. */
export function arrayOf(text: unknown): readonly (string | null)[] {
  const elements: (string | null)[] = [];
  for (const [, quoted, bare] of String(text)
    .slice(1, -1)
    .matchAll(/"((?:[^"\\]|\\.)*)"|([^,]+)/gs)) {
    elements.push(
      quoted === undefined ? (bare === "NULL" ? null : (bare ?? null)) : quoted.replaceAll(/\\(.)/gs, "$1"),
    );
  }
  return elements;
}
