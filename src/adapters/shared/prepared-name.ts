const utf8 = new TextEncoder();

/**
 * A name for a prepared statement that derives from its text, since executors
 * may share a connection. Two texts of one name (there are 2^64) would fail,
 * not be mistaken for each other.
 */
export function preparedName(text: string): string {
  let [high, low] = [0x811c9dc5, 0x9dc5811c];
  for (const byte of utf8.encode(text)) {
    high = Math.imul(high ^ byte, 0x01000193);
    low = Math.imul(low ^ byte, 0x01000193) + high;
  }
  return `pqrun_${hex(high)}${hex(low)}`;
}

function hex(word: number): string {
  return (word >>> 0).toString(16).padStart(8, "0");
}
