/** Rows as aligned lines, indented by two: the first column to the left, the others as told. */
export function columns(rows: readonly (readonly string[])[], others: "left" | "right"): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [place, cell] of row.entries()) widths[place] = Math.max(widths[place] ?? 0, cell.length);
  }
  const aligned = (cell: string, place: number): string =>
    place > 0 && others === "right" ? cell.padStart(widths[place] ?? 0) : cell.padEnd(widths[place] ?? 0);
  return rows.map((row) => `  ${row.map(aligned).join("  ")}`.trimEnd() + "\n").join("");
}
