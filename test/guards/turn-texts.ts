import type { TableNames } from "../../src/core/sql/table-names.ts";
import { keepLimits } from "../../src/core/turn/keep-limits.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";

const keeping = keepLimits.clauses;

/** The turn, in texts that have each part of each clause. */
export const wholeText = (names: TableNames): string => turnText(names).text;
export const deepText = (names: TableNames): string => turnText(names, { depth: "deep", deletes: true }).text;
export const forgettingText = (names: TableNames): string => turnText(names, { forgets: true }).text;
export const limitedText = (names: TableNames): string => turnText(names, { keeping }).text;
export const lookText = (names: TableNames): string =>
  turnText(names, { keeping, scope: "look", depth: "deep" }).text;
