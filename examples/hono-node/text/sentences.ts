const segmenter = new Intl.Segmenter(undefined, { granularity: "sentence" });

const ABBREVIATION = /(?:^|[\s(])(?:e\.g|i\.e|etc|vs|cf|approx|no|dr|mr|ms|st|z\.B|d\.h|bzw|ca)\.$/i;

/** The sentences of paragraphs; none runs from one paragraph into the next. */
export function sentencesOf(paragraphs: readonly string[]): string[] {
  return paragraphs.flatMap((paragraph) => {
    const sentences: string[] = [];
    for (const { segment } of segmenter.segment(paragraph)) {
      const before = sentences.at(-1);
      const continues = before !== undefined && ABBREVIATION.test(before);
      if (continues) sentences[sentences.length - 1] = `${before} ${segment.trim()}`;
      else if (segment.trim() !== "") sentences.push(segment.trim());
    }
    return sentences;
  });
}
