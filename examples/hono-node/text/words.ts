const segmenter = new Intl.Segmenter(undefined, { granularity: "word" });

/** The words of a text in lower case, in any script. */
export function wordsOf(text: string): string[] {
  return [...segmenter.segment(text.normalize("NFKC").toLowerCase())]
    .filter(({ isWordLike }) => isWordLike)
    .map(({ segment }) => segment);
}
