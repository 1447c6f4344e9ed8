/** What takes two places: East Asian wide characters, and emoji. */
const WIDE =
  /^[\u1100-\u115F\u2E80-\u303E\u3041-\u33FF\u3400-\u4DBF\u4E00-\u9FFF\uA000-\uA4CF\uAC00-\uD7A3\uF900-\uFAFF\uFE30-\uFE6F\uFF01-\uFF60\uFFE0-\uFFE6\u{20000}-\u{3FFFD}]|^\p{Emoji_Presentation}|\uFE0F/u;
const INVISIBLE = /^[\p{Mn}\p{Me}\p{Cf}]+$/u;

const graphemes = new Intl.Segmenter(undefined, { granularity: "grapheme" });

/** How many places of a terminal `text` takes, as far as terminals agree. */
export function displayWidth(text: string): number {
  if (/^[ -~]*$/.test(text)) return text.length;
  let width = 0;
  for (const { segment } of graphemes.segment(text)) width += widthOf(segment);
  return width;
}

/** `text` within so many places, its end replaced by `…` where it is longer. */
export function cutTo(text: string, places: number): string {
  if (displayWidth(text) <= places) return text;
  let [cut, width] = ["", 1];
  for (const { segment } of graphemes.segment(text)) {
    width += widthOf(segment);
    if (width > places) break;
    cut += segment;
  }
  return `${cut}…`;
}

function widthOf(grapheme: string): number {
  return WIDE.test(grapheme) ? 2 : INVISIBLE.test(grapheme) ? 0 : 1;
}
