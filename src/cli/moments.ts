import { UsageError } from "./command.ts";

const UNITS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3_600, d: 86_400, w: 604_800 };
const ISO = /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:\.\d+)?)?(?:Z|[+-]\d\d:?\d\d)?)?$/;

/** `90s`, `10m`, `1h30m`, `30d`, `2w` in seconds. @throws UsageError naming the option. */
export function spanSeconds(option: string, text: string): number {
  const seconds = parsedSpan(text);
  if (seconds !== undefined) return seconds;
  throw new UsageError(`--${option}: expected a span such as 90s, 10m, 1h30m or 30d`);
}

/**
 * A time as it is written, or a span from now by this machine's clock: `-1` into the past, `1` into the future.
 *
 * @throws UsageError naming the option.
 */
export function momentAt(option: string, text: string, direction: -1 | 1, now = Date.now()): Date {
  const seconds = parsedSpan(text);
  if (seconds !== undefined) return new Date(now + direction * seconds * 1000);
  const written = ISO.test(text) ? new Date(text) : undefined;
  if (written !== undefined && !Number.isNaN(written.getTime())) return written;
  throw new UsageError(
    `--${option}: expected a span such as 10m or 1h30m, or a time such as 2026-12-24T18:00Z`,
  );
}

function parsedSpan(text: string): number | undefined {
  if (!/^(?:\d{1,9}[smhdw])+$/.test(text)) return undefined;
  const parts = [...text.matchAll(/(\d+)([smhdw])/g)];
  const seconds = parts.reduce((sum, [, count, unit = "s"]) => sum + Number(count) * (UNITS[unit] ?? 1), 0);
  // A hundred years, as far as any statement goes.
  return seconds <= 3_155_760_000 ? seconds : undefined;
}
