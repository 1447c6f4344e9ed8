import { displayWidth } from "./display-width.ts";

/** Rows as aligned lines, indented by two: the first column to the left, the others as told. */
export function columns(rows: readonly (readonly string[])[], others: "left" | "right"): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [place, cell] of row.entries()) {
      widths[place] = Math.max(widths[place] ?? 0, displayWidth(cell));
    }
  }
  const aligned = (cell: string, place: number): string => {
    const space = " ".repeat(Math.max(0, (widths[place] ?? 0) - displayWidth(cell)));
    return place > 0 && others === "right" ? space + cell : cell + space;
  };
  return rows.map((row) => `  ${row.map(aligned).join("  ")}`.trimEnd() + "\n").join("");
}
