/** A document and its vector. */
export interface NamedVector {
  readonly name: string;
  readonly vector: readonly number[];
}

/** Two documents and how alike they are, from -1 to 1. */
export interface Pair {
  readonly a: string;
  readonly b: string;
  readonly likeness: number;
}

/**
 * The pairs that are most alike, the closest one first. What all documents
 * share, such as the common words of their language, is taken out before.
 */
export function closestPairs(documents: readonly NamedVector[], most = 5): Pair[] {
  const own = withoutMean(documents);
  const pairs = own.flatMap(({ name: a, vector }, place) =>
    own.slice(place + 1).map((other) => ({ a, b: other.name, likeness: dot(vector, other.vector) })),
  );
  return pairs
    .sort((one, other) => other.likeness - one.likeness)
    .slice(0, most)
    .map(({ a, b, likeness }) => ({ a, b, likeness: Number(likeness.toFixed(3)) }));
}

/** Of a few documents, the mean is mostly themselves. */
const FEWEST_FOR_MEAN = 8;

function withoutMean(documents: readonly NamedVector[]): readonly NamedVector[] {
  if (documents.length < FEWEST_FOR_MEAN) return documents;
  const mean = (documents[0]?.vector ?? []).map(
    (_, place) => documents.reduce((sum, { vector }) => sum + (vector[place] ?? 0), 0) / documents.length,
  );
  return documents.map(({ name, vector }) => ({
    name,
    vector: normalised(vector.map((value, place) => value - (mean[place] ?? 0))),
  }));
}

function normalised(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector) || 1;
  return vector.map((value) => value / length);
}

function dot(one: readonly number[], other: readonly number[]): number {
  return one.reduce((sum, value, place) => sum + value * (other[place] ?? 0), 0);
}
