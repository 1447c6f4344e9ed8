import { InvalidInputError } from "../core/errors.ts";

/** Milliseconds, or a text such as `"90s"`, `"10m"`, `"1h30m"`, `"2d"`, `"1w"`. */
export type Span = number | string;

const UNITS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1_000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
  w: 604_800_000,
};
/** A hundred years. */
const MAX_MS = 3_155_760_000_000;

/** @throws InvalidInputError for what is no span above 0 and up to a hundred years. */
export function spanMs(field: string, span: Span): number {
  const ms = typeof span === "number" ? span : parsed(span);
  if (ms > 0 && ms <= MAX_MS) return ms;
  throw new InvalidInputError(field, "a span such as 90s, 10m, 1h30m or 2d, or milliseconds", span);
}

function parsed(text: unknown): number {
  if (typeof text !== "string" || !/^(?:\d{1,9}(?:ms|[smhdw]))+$/.test(text)) return Number.NaN;
  const parts = text.matchAll(/(\d+)(ms|[smhdw])/g);
  return [...parts].reduce((sum, [, count, unit = "ms"]) => sum + Number(count) * (UNITS[unit] ?? 1), 0);
}
