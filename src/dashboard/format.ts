import { html } from "./html.ts";
import type { Html } from "./html.ts";

/** From how many seconds on a span is given in a unit, and how long that is. */
const UNITS = [
  [172_800, 86_400, "days"],
  [7_200, 3_600, "h"],
  [120, 60, "min"],
  [1, 1, "s"],
  [0, 0.001, "ms"],
] as const;

/** A whole number as people read it. */
export function number(value: number): string {
  return value.toLocaleString("en");
}

/** A span of time in one unit. */
export function duration(ms: number | null): string {
  if (ms === null) return "–";
  const seconds = Math.max(0, ms / 1000);
  const [, length, unit] = UNITS.find(([from]) => seconds >= from) ?? UNITS[4];
  return `${Math.round((10 * seconds) / length) / 10} ${unit}`;
}

/** A moment, as the time since or until then. */
export function ago(moment: Date | null): Html | string {
  if (moment === null) return "–";
  const ms = Date.now() - moment.getTime();
  const text = Math.abs(ms) < 1000 ? "now" : ms < 0 ? `in ${duration(-ms)}` : `${duration(ms)} ago`;
  return html`<time datetime="${moment.toISOString()}">${text}</time>`;
}

/** A moment, exactly, and the time since or until then. */
export function exactly(moment: Date | null): Html | string {
  if (moment === null) return "–";
  return html`${moment.toISOString().replace("T", " ").replace("Z", " UTC")}, ${ago(moment)}`;
}

/** The first line of an error, and no more of it than a table holds. */
export function firstLine(error: string | null): string {
  return cut(error?.split("\n", 1)[0] ?? "", 200);
}

/** The first characters of a text, never half of one. */
export function cut(text: string, most: number): string {
  return text.length <= most
    ? text
    : `${text
        .slice(0, most)
        .toWellFormed()
        .replace(/\uFFFD$/, "")}…`;
}
