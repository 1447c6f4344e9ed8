import { InvalidInputError } from "../errors.ts";

const MACROS = /^@(?:hourly|daily|midnight|weekly|monthly|yearly|annually)$/i;
const ITEM = /^(?:[*?]|(\d{1,2}|[A-Z]{3})(?:-(\d{1,2}|[A-Z]{3}))?)(?:\/(\d{1,2}))?$/;
/** PostgreSQL takes abbreviations and POSIX rules too, whose signs are the other way round. */
const ZONE = /^(?:UTC|GMT|Etc\/[\w+-]+|[A-Z][\w-]+(?:\/[\w+-]+)+)$/;

/** A field's name, least and greatest value, and the names of its values from the least on, three letters each. */
type Field = readonly [title: string, lowest: number, highest: number, names?: string];

const FIELDS: readonly Field[] = [
  ["second", 0, 59],
  ["minute", 0, 59],
  ["hour", 0, 23],
  ["day of the month", 1, 31],
  ["month", 1, 12, "JANFEBMARAPRMAYJUNJULAUGSEPOCTNOVDEC"],
  ["weekday", 0, 7, "SUNMONTUEWEDTHUFRISAT"],
];
const DAY = 3;

/**
 * Whether the database will take `cron`: its grammar is `jobs_cron_field`'s. Only the database knows that it never comes.
 *
 * @throws InvalidInputError
 */
export function checkCron(field: string, cron: unknown): asserts cron is string {
  const text = typeof cron === "string" ? cron.trim() : "";
  if (MACROS.test(text)) return;
  const parts = text.toUpperCase().split(/\s+/);
  const fields = parts.length === 5 ? FIELDS.slice(1) : FIELDS;
  if (parts.length !== fields.length) {
    throw new InvalidInputError(field, "a cron expression of 5 fields, or of 6 with the seconds first", cron);
  }
  fields.forEach((one, index) => {
    const part = parts[index] ?? "";
    const fits = (one === FIELDS[DAY] && part === "L") || part.split(",").every((item) => isItem(item, one));
    if (!fits)
      throw new InvalidInputError(
        field,
        `a ${one[0]} as field ${index + 1}, which ${JSON.stringify(part)} is not`,
        cron,
      );
  });
}

/** @throws InvalidInputError for what is no name of the IANA time zone database. */
export function checkTimeZone(field: string, zone: unknown): asserts zone is string {
  if (typeof zone !== "string" || !ZONE.test(zone)) {
    throw new InvalidInputError(field, "a time zone's name, such as Europe/Berlin", zone);
  }
}

function isItem(item: string, [, lowest, highest, names = ""]: Field): boolean {
  const match = ITEM.exec(item);
  if (match === null) return false;
  const [, first, last, step = "1"] = match;
  const valueOf = (text: string): number => {
    if (/^\d/.test(text)) return Number(text);
    const place = names.indexOf(text);
    return place >= 0 && place % 3 === 0 ? place / 3 + lowest : NaN;
  };
  const from = first === undefined ? lowest : valueOf(first);
  const to = last === undefined ? from : valueOf(last);
  return from >= lowest && to <= highest && from <= to && Number(step) > 0;
}
