/** `text` on one line, its control characters replaced: job types and server messages are others' text. */
export function printable(text: string): string {
  return text.replaceAll(/\s+/g, " ").replaceAll(/\p{Cc}/gu, "\uFFFD");
}
