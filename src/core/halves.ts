/** Both halves of what was refused together, or was too much at once; one where there is but one. */
export function halves<T>(items: readonly T[]): readonly (readonly T[])[] {
  const half = Math.ceil(items.length / 2);
  return [items.slice(0, half), items.slice(half)].filter((some) => some.length > 0);
}
