/** What one process says to the server, and hears of it: seen, and lost, in its proxy. */
import type { Direction, Passage, Tap } from "../support/tcp-proxy.ts";

/** What a link's first message is that asks to cancel a statement: its length, and its code. */
const CANCEL = Buffer.from([0, 0, 0, 16, 4, 210, 22, 46]);
const CHANNEL = "pqrun_jobs";
/** Statements of the session, such as LISTEN, are short. */
const SHORT = 1_024;
const NOTHING = Buffer.alloc(0);

interface Link {
  /** Whether it has said LISTEN. */
  listens: boolean;
  silent: boolean;
  first: boolean;
}

/** The taps of one proxy. */
export class WireTap {
  /** Whether requests to cancel a statement are lost. */
  losesCancels = false;
  /** How many of them were lost. */
  lostCancels = 0;
  /** How many notifications have come through. */
  notified = 0;
  readonly #listening = new Set<Link>();

  /** The tap of a new connection. */
  readonly open = (): Tap => {
    const link: Link = { listens: false, silent: false, first: true };
    return (direction, bytes) => this.#seen(link, direction, bytes);
  };

  /** Nothing passes any more where somebody LISTENs now, and neither side learns of it. @returns on how many links */
  silence(): number {
    const links = [...this.#listening];
    for (const link of links) link.silent = true;
    this.#listening.clear();
    return links.length;
  }

  #seen(link: Link, direction: Direction, bytes: Buffer): Passage {
    const { first, silent } = link;
    if (direction === "toServer") link.first = false;
    if (silent) return { bytes: NOTHING };
    if (direction === "toClient") {
      if (link.listens && bytes.includes(CHANNEL)) this.notified += 1;
    } else if (first && this.losesCancels && bytes.subarray(0, CANCEL.length).equals(CANCEL)) {
      this.lostCancels += 1;
      return { bytes: NOTHING, cut: true };
    } else if (!link.listens && bytes.length < SHORT && /\bLISTEN\s+"/i.test(bytes.toString("latin1"))) {
      link.listens = true;
      this.#listening.add(link);
    }
    return { bytes };
  }
}
