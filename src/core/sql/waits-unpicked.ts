/** While a debounce key is taken: the row waits, and was never picked up. The words of the unique index, of which a plan knows it. */
export const waitsUnpicked = (row: string): string =>
  `${row}.status = 'READY' AND ${row}.attempts = 0 AND ${row}.locked_by IS NULL`;
