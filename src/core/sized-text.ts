/** PostgreSQL's pages, unless it was built with others. */
const PAGE_BYTES = 8_192;
/** Up to here it makes no difference how a table is read. */
const SMALL_PAGES = 8;
/** By how much a table must have grown beyond that, or shrunk, for its plans to be made anew. */
const STEP = 4;

/**
 * A statement's text that changes as its table grows, by a comment alone.
 *
 * A named statement's plan is kept until the table is next analyzed. Made while
 * the table is nearly empty it scans the whole of it, rightly; kept while a
 * million rows come in, it does so for a minute (measured: 600 ms a turn at
 * 300,000 rows, against 3 ms). With another text the name is another, and so
 * is the plan.
 */
export class SizedText {
  readonly #text: string;
  #step = 0;

  constructor(text: string) {
    this.#text = text;
  }

  /** The text for a table of the size that was last learned. */
  get text(): string {
    return this.#step === 0
      ? this.#text
      : `${this.#text}\n-- up to ${String(SMALL_PAGES * STEP ** this.#step)} pages`;
  }

  /** Learns the table's size in bytes. */
  learn(bytes: number): void {
    const times = Math.max(1, bytes / PAGE_BYTES / SMALL_PAGES);
    this.#step = Math.ceil(Math.log(times) / Math.log(STEP));
  }
}
