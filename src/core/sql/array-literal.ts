/** What an element may be; null is SQL's NULL. */
export type Element = string | number | null | undefined;

/**
 * A list as the text of a PostgreSQL array, for statements that open several of
 * them side by side: `unnest($1::text::int8[], $2::text::text[])`. That costs the
 * server a quarter of what a JSON list of objects does, which it looks into by
 * name (measured: 1.1 against 5 µs for each of nine fields).
 *
 * One of nulls alone is empty: unnest fills up what is shorter.
 */
export function arrayLiteral(elements: readonly Element[]): string {
  if (elements.every((element) => element === null || element === undefined)) return "{}";
  return `{${elements.map(encoded).join(",")}}`;
}

function encoded(element: Element): string {
  if (element === null || element === undefined) return "NULL";
  if (typeof element === "number") return String(element);
  const plain = !element.includes('"') && !element.includes("\\");
  return `"${plain ? element : element.replaceAll(/["\\]/g, "\\$&")}"`;
}
