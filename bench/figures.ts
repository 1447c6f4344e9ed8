import { spread } from "./statistics.ts";

/** A number as a person reads it: three significant digits or all whole ones, thousands apart. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  if (Math.abs(value) >= 100) return Math.round(value).toLocaleString("en");
  return String(Number(value.toPrecision(3)));
}

/** A ratio, two digits behind the point where it is small. */
export function ratioFigure(value: number): string {
  if (!Number.isFinite(value)) return "–";
  return `${value < 10 ? value.toFixed(2) : value.toFixed(1)}×`;
}

/** The median, and in brackets the range where there is one. */
export function spreadText(values: readonly number[], text: (value: number) => string): string {
  const { median, min, max } = spread(values);
  return values.length === 1 || min === max ? text(median) : `${text(median)} (${text(min)}–${text(max)})`;
}
