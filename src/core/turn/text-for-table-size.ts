/** Bytes up to which it makes no difference how a table is read: eight pages. */
const SMALL = 65_536;

/**
 * A statement's text for a table of so many bytes: it changes with each
 * fourfold of them, by a comment alone.
 *
 * A named statement's plan is kept until the table is next analyzed. Made while
 * the table is nearly empty it scans the whole of it, rightly; kept while a
 * million rows come in, it does so for a minute (measured: 600 ms a turn at
 * 300,000 rows, against 3 ms). With another text the name is another, and so
 * is the plan.
 */
export function sizedText(text: string, bytes: number): string {
  const step = Math.ceil(Math.log2(bytes / SMALL) / 2);
  return step > 0 ? `${text}\n-- size ${step}` : text;
}
