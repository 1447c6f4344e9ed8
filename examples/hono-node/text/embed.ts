import { wordsOf } from "./words.ts";

/** How many numbers a vector has. */
export const DIMENSIONS = 128;

/**
 * A text as a vector of length 1, by feature hashing (Weinberger et al., 2009):
 * each word, and each three letters of it, adds to one of 128 places, with a
 * sign that its hash gives, by the logarithm of how often it occurs. No model:
 * texts are alike where they use the same words. An empty text is all zeros.
 */
export function embed(text: string): number[] {
  const counts = new Map<string, number>();
  for (const word of wordsOf(text)) {
    for (const feature of featuresOf(word)) counts.set(feature, (counts.get(feature) ?? 0) + 1);
  }
  const vector = new Array<number>(DIMENSIONS).fill(0);
  for (const [feature, count] of counts) {
    const hash = fnv1a(feature);
    const place = hash % DIMENSIONS;
    const sign = hash & 0x8000_0000 ? -1 : 1;
    vector[place] = (vector[place] ?? 0) + sign * (1 + Math.log(count));
  }
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => Number((value / length).toFixed(5)));
}

function featuresOf(word: string): string[] {
  if (word.length < 3) return [];
  const marked = `<${word}>`;
  return [word, ...Array.from({ length: marked.length - 2 }, (_, start) => marked.slice(start, start + 3))];
}

function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let place = 0; place < text.length; place += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(place), 0x01000193);
  }
  return (hash ^ (hash >>> 15)) >>> 0;
}
