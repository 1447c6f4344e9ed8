import { sentencesOf } from "./sentences.ts";
import { wordsOf } from "./words.ts";

/** What {@link summarize} finds. */
export interface Extract {
  readonly words: number;
  readonly sentences: number;
  /** At most three, the best one first. */
  readonly top: readonly string[];
}

interface Sentence {
  readonly text: string;
  readonly words: ReadonlySet<string>;
}

const TOP = 3;
/** The comparison is of each sentence with each: what a long text says first stands for it. */
const MAX_COMPARED = 300;
/** How much of its rank a sentence hands on to those it resembles: PageRank's usual share. */
const DAMPING = 0.85;
const ROUNDS = 30;

/**
 * An extractive summary after TextRank (Mihalcea and Tarau, 2004): sentences
 * that share rare words with many other sentences say most. No model, any language.
 */
export function summarize(paragraphs: readonly string[]): Extract {
  const all = sentencesOf(paragraphs).map((text) => ({ text, list: wordsOf(text) }));
  const sentences = all.map(({ text, list }) => ({ text, words: new Set(list) }));
  const whole = sentences.filter(({ text, words }) => isWhole(text) && words.size >= 5 && words.size <= 30);
  const compared = (whole.length > 0 ? whole : sentences).slice(0, MAX_COMPARED);
  const ranks = rank(compared);
  const best = compared
    // Of equals, the earlier one: texts say first what they are about.
    .map(({ text }, place) => ({ text, score: (ranks[place] ?? 0) * (1 + 1 / (1 + place)) }))
    .sort((a, b) => b.score - a.score);
  return {
    words: all.reduce((sum, { list }) => sum + list.length, 0),
    sentences: all.length,
    top: [...new Set(best.map(({ text }) => text))].slice(0, TOP),
  };
}

/** It begins as a sentence does and ends as one; a list item or the line before a list mostly doesn't. */
function isWhole(text: string): boolean {
  return /^[\p{Lu}\p{Lo}"'“‘(]/u.test(text) && /[.!?。！？][)"'”’]*$/.test(text);
}

function rank(sentences: readonly Sentence[]): number[] {
  const links = likenesses(sentences);
  const sums = links.map((row) => row.reduce((sum, likeness) => sum + likeness, 0));
  let ranks = sentences.map(() => 1);
  for (let round = 0; round < ROUNDS; round += 1) {
    ranks = links.map((row) => {
      const received = row.reduce(
        (sum, likeness, from) =>
          sum + (likeness * (ranks[from] ?? 0)) / Math.max(sums[from] ?? 0, Number.MIN_VALUE),
        0,
      );
      return 1 - DAMPING + DAMPING * received;
    });
  }
  return ranks;
}

/** How alike each two are: the rarity of the words they share, by their lengths. */
function likenesses(sentences: readonly Sentence[]): number[][] {
  const rarity = rarityOfWords(sentences);
  const links = sentences.map(() => sentences.map(() => 0));
  for (const [a, one] of sentences.entries()) {
    for (const [b, other] of sentences.slice(0, a).entries()) {
      let shared = 0;
      for (const word of one.words) if (other.words.has(word)) shared += rarity.get(word) ?? 0;
      const likeness = shared / (Math.log(1 + one.words.size) + Math.log(1 + other.words.size));
      (links[a] ?? [])[b] = likeness;
      (links[b] ?? [])[a] = likeness;
    }
  }
  return links;
}

function rarityOfWords(sentences: readonly Sentence[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const { words } of sentences) for (const word of words) counts.set(word, (counts.get(word) ?? 0) + 1);
  return new Map([...counts].map(([word, count]) => [word, Math.log(sentences.length / count)]));
}
