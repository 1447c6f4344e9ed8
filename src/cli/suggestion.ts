/** `; did you mean WORD?` for the word of `known` that `typed` is nearly, else nothing. `typed` itself is not repeated. */
export function suggestion(typed: string, known: readonly string[]): string {
  const word = nearest(typed, known);
  return word === undefined ? "" : `; did you mean ${word}?`;
}

function nearest(typed: string, known: readonly string[]): string | undefined {
  // Nobody mistypes so long a word, and it may be a secret.
  if (typed.length < 2 || typed.length > 30) return undefined;
  const ranked = known
    .map((word) => ({ word, steps: word.startsWith(typed) ? 0.5 : distance(typed, word) }))
    .sort((a, b) => a.steps - b.steps);
  const [best] = ranked;
  return best !== undefined && best.steps <= Math.max(1, Math.floor(best.word.length / 3))
    ? best.word
    : undefined;
}

/** How many letters must be put in, taken out, replaced, or exchanged with their neighbour. */
function distance(a: string, b: string): number {
  let before: number[] = [];
  let above = Array.from({ length: b.length + 1 }, (_, place) => place);
  for (let row = 1; row <= a.length; row += 1) {
    const current = [row];
    for (let place = 1; place <= b.length; place += 1) {
      const same = a[row - 1] === b[place - 1] ? 0 : 1;
      let steps = Math.min(
        (above[place] ?? 0) + 1,
        (current[place - 1] ?? 0) + 1,
        (above[place - 1] ?? 0) + same,
      );
      if (row > 1 && place > 1 && a[row - 1] === b[place - 2] && a[row - 2] === b[place - 1]) {
        steps = Math.min(steps, (before[place - 2] ?? 0) + 1);
      }
      current.push(steps);
    }
    [before, above] = [above, current];
  }
  return above[b.length] ?? 0;
}
