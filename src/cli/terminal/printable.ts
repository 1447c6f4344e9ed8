/** What moves a terminal's cursor, or turns the order of what stands beside it. */
const UNPRINTABLE = /[\p{Cc}\p{Bidi_Control}]/gu;

/** `text` on one line, its control characters replaced: job types and server messages are others' text. */
export function printable(text: string): string {
  return text.toWellFormed().replaceAll(/\s+/g, " ").replaceAll(UNPRINTABLE, "\uFFFD");
}

/** `value` as indented JSON that a terminal can show: JSON itself escapes only half of what controls one. */
export function printableJson(value: unknown): string {
  return escaped(JSON.stringify(value, null, 2));
}

/** `value` as a line of JSON, with its end. */
export function jsonLine(value: unknown): string {
  return `${escaped(JSON.stringify(value))}\n`;
}

/** A JSON text, its numbers with all their digits, as a terminal can show it. */
export function escaped(json: string): string {
  const escape = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  // What stands outside of a string is the indentation's.
  return json.replaceAll(UNPRINTABLE, (character) => (character === "\n" ? character : escape(character)));
}

/** Lines of which each is printable. */
export function printableLines(text: string): string {
  return text.replaceAll(UNPRINTABLE, (character) => (character === "\n" ? character : "\uFFFD"));
}
