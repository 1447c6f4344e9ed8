/** For texts whose bytes count: JavaScript's `length` is in units of UTF-16. */
export const utf8 = new TextEncoder();

/** The bytes of `text` in UTF-8. */
export function byteLength(text: string): number {
  return utf8.encode(text).length;
}
