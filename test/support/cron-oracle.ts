/** Minutes of a zone's clock around one of its changes, found by asking the runtime and not by any cron library. */
export interface ClockWalk {
  readonly zone: string;
  readonly from: number;
  readonly to: number;
  /** What the clock shows at each real minute from `from` on, in minutes since 1970 as if it were UTC. */
  readonly walls: readonly number[];
}

const MINUTE = 60_000;
const QUARTER = 15 * MINUTE;
const HOUR = 60 * MINUTE;
/** How far a case reaches to both sides of a change. */
const AROUND = 40 * HOUR;

/** Expressions of every kind: steps, named times in the hours that change, days by month and week, lists and ranges. */
export const EXPRESSIONS = [
  "* * * * *",
  "*/15 * * * *",
  "0 * * * *",
  "30 2 * * *",
  "15 23 * * *",
  "0 0,1,2,3 * * *",
  "*/20 1-3 * * *",
  "45 */2 * * *",
  "5 1 * * 0,6",
  "10 2 1,15 * 1",
] as const;

const formats = new Map<string, Intl.DateTimeFormat>();

/** How far the zone's clock is ahead of UTC, in milliseconds, as the runtime has it. */
export function offsetAt(zone: string, moment: number): number {
  let format = formats.get(zone);
  if (format === undefined) {
    format = new Intl.DateTimeFormat("en-US", {
      timeZone: zone,
      hourCycle: "h23",
      ...{
        year: "numeric",
        month: "numeric",
        day: "numeric",
        hour: "numeric",
        minute: "numeric",
        second: "numeric",
      },
    });
    formats.set(zone, format);
  }
  const part = Object.fromEntries(
    format.formatToParts(moment).map(({ type, value }) => [type, Number(value)]),
  );
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = part;
  return Date.UTC(year, month - 1, day, hour, minute, second) - Math.floor(moment / 1000) * 1000;
}

/** The changes of a zone's clock between two moments, each to the quarter of an hour. */
export function changesOf(zone: string, from: number, to: number): number[] {
  const changes: number[] = [];
  const step = 14 * 24 * HOUR;
  for (let at = from; at < to; at += step) {
    for (let low = at; offsetAt(zone, low) !== offsetAt(zone, Math.min(at + step, to));) {
      let [before, after] = [low, Math.min(at + step, to)];
      // Two changes may lie in one step: the first one is where the offset of `low` ends.
      const offset = offsetAt(zone, low);
      while (after - before > QUARTER) {
        const middle = before + Math.floor((after - before) / 2 / QUARTER) * QUARTER;
        if (offsetAt(zone, middle) === offset) before = middle;
        else after = middle;
      }
      changes.push(after);
      low = after;
    }
  }
  return changes;
}

/** Walks the clock around one change. */
export function walk(zone: string, change: number): ClockWalk {
  const [from, to] = [change - AROUND, change + AROUND];
  const walls: number[] = [];
  for (let quarter = from; quarter < to; quarter += QUARTER) {
    const offset = offsetAt(zone, quarter);
    for (let at = quarter; at < quarter + QUARTER; at += MINUTE) walls.push((at + offset) / MINUTE);
  }
  return { zone, from, to, walls };
}

/**
 * The ticks after `from` and up to `to`, minute by minute: what has a `*` in minute or hour ticks whenever the clock
 * shows it; a named time once, the first time that the clock shows it, and where it is left out as late as had nobody
 * moved the clock.
 */
export function oracleTicks(expression: string, { from, walls }: ClockWalk): number[] {
  const matches = matcherOf(expression);
  const [minute = "", hour = ""] = expression.split(" ");
  const ticks: number[] = [];
  const shown = new Set<number>();
  const byTheClock = minute.startsWith("*") || hour.startsWith("*");
  walls.forEach((wall, index) => {
    const last = walls[index - 1] ?? wall - 1;
    // The hours that the clock jumps over; each comes so much later as it lies beyond the last minute shown.
    for (let left = last + 1; left < wall && !byTheClock; left += 1) {
      if (matches(left) && !shown.has(left)) ticks.push(from + (index - 1 + left - last) * MINUTE);
      shown.add(left);
    }
    if (matches(wall) && (byTheClock || !shown.has(wall))) ticks.push(from + index * MINUTE);
    shown.add(wall);
  });
  return [...new Set(ticks)]
    .filter((tick) => tick > from && tick < from + walls.length * MINUTE)
    .sort((a, b) => a - b);
}

function matcherOf(expression: string): (wall: number) => boolean {
  const [minutes = "", hours = "", days = "", months = "", weekdays = ""] = expression.split(" ");
  const minute = valuesOf(minutes, 0, 59);
  const hour = valuesOf(hours, 0, 23);
  const day = valuesOf(days, 1, 31);
  const month = valuesOf(months, 1, 12);
  const weekday = valuesOf(weekdays, 0, 7);
  const either = days !== "*" && weekdays !== "*";
  return (wall) => {
    const date = new Date(wall * MINUTE);
    const byMonth = day.has(date.getUTCDate());
    const byWeek = weekday.has(date.getUTCDay()) || (date.getUTCDay() === 0 && weekday.has(7));
    return (
      minute.has(date.getUTCMinutes()) &&
      hour.has(date.getUTCHours()) &&
      month.has(date.getUTCMonth() + 1) &&
      (either ? byMonth || byWeek : byMonth && byWeek)
    );
  };
}

function valuesOf(field: string, lowest: number, highest: number): ReadonlySet<number> {
  const values = new Set<number>();
  for (const item of field.split(",")) {
    const [range = "", step = "1"] = item.split("/");
    const [first = "", last = first] = range.split("-");
    const [low, high] = range === "*" ? [lowest, highest] : [Number(first), Number(last)];
    for (let value = low; value <= high; value += Number(step)) values.add(value);
  }
  return values;
}
