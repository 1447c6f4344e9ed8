import { NonRetriableError, type Handlers } from "pqrun";

import { readCsv } from "./csv.ts";
import type { Column, jobs } from "./jobs.ts";

/** The handlers: `profile` says what a table's columns hold. */
export const handlers: Handlers<typeof jobs> = {
  profile: ({ payload }) => {
    const [names = [], ...rows] = read(payload.csv);
    return {
      rows: rows.length,
      columns: names.map((name, place) =>
        profile(
          name,
          rows.map((row) => row[place] ?? ""),
        ),
      ),
    };
  },
};

/** What is no table now is none at the next attempt. */
function read(csv: string): string[][] {
  try {
    return readCsv(csv);
  } catch (cause) {
    throw new NonRetriableError("not a CSV table", { cause });
  }
}

function profile(name: string, cells: readonly string[]): Column {
  const filled = cells.filter((cell) => cell.trim() !== "");
  const numbers = filled.map(Number).filter(Number.isFinite);
  if (numbers.length === 0) return { name, filled: filled.length, numbers: null };
  const [min, max, sum] = numbers.reduce(
    ([least, most, all], number) => [Math.min(least, number), Math.max(most, number), all + number],
    [Infinity, -Infinity, 0],
  );
  return { name, filled: filled.length, numbers: { min, max, mean: sum / numbers.length } };
}
