import { Cron } from "croner";

import type { ClockWalk } from "./cron-oracle.ts";

/**
 * Why croner ticks otherwise than `jobs_cron_ticks`. Every difference is of one of these, all in a gap of the clock, and
 * docs/schedules.md has them as a table.
 */
export const DIFFERENCES = {
  "at the gap's end":
    "a time of day that the clock leaves out: croner ticks at the gap's end, pqrun as late as it would have come had nobody moved the clock",
  "one for several":
    "several such times in one gap: croner makes one tick of them, at the gap's end; pqrun has each",
  "lost at midnight": "such a time in a gap that ends at midnight or spans it: croner leaves it out",
} as const;

/** One of {@link DIFFERENCES}. */
export type Difference = keyof typeof DIFFERENCES;

/** What croner says of the same clock, by the rule that is nearest: a list or a range of times is named, too. */
export function cronerTicks(
  expression: string,
  { zone, from, to }: Pick<ClockWalk, "zone" | "from" | "to">,
): number[] {
  const cron = new Cron(expression, { timezone: zone, paused: true, fixedTimeRule: "no-wildcard" });
  const ticks: number[] = [];
  for (
    let tick = cron.nextRun(new Date(from));
    tick !== null && tick.getTime() < to;
    tick = cron.nextRun(tick)
  )
    ticks.push(tick.getTime());
  return ticks;
}

/** Why both differ; undefined where they do not, and "unexplained" where nothing says why. */
export function differenceOf(
  { from, walls }: ClockWalk,
  ours: readonly number[],
  theirs: readonly number[],
): Difference | "unexplained" | undefined {
  const own = ours.filter((tick) => !theirs.includes(tick));
  const other = theirs.filter((tick) => !ours.includes(tick));
  if (own.length + other.length === 0) return undefined;
  const jump = walls.findIndex((wall, index) => index > 0 && wall - (walls[index - 1] ?? wall) > 1);
  const [before = 0, after = 0] = walls.slice(jump - 1, jump + 1);
  const end = from + jump * MINUTE;
  const left = after - before - 1;
  // As late as the gap is long: what it has left out comes within its length after its end.
  const inGap = jump > 0 && own.length > 0 && own.every((tick) => tick >= end && tick < end + left * MINUTE);
  if (!inGap || other.length > 1 || other.some((tick) => tick !== end)) return "unexplained";
  if (own.length > 1 || (other.length === 0 && theirs.includes(end))) return "one for several";
  if (other.length === 1) return "at the gap's end";
  return Math.floor(before / DAY) < Math.floor(after / DAY) ? "lost at midnight" : "unexplained";
}

const MINUTE = 60_000;
/** In minutes. */
const DAY = 1_440;
