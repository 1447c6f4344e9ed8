import type { Passage, Tap } from "./tcp-proxy.ts";

/** What becomes of a request to cancel: a proxy that doesn't know the server's keys may close on it, or keep it. */
export type CancelFate = "heeded" | "swallowed" | "cut";

/** A request to cancel is this number, and has 16 bytes. */
const CANCEL = 80_877_102;

/** Taps a proxy, and counts the requests to cancel that come through it. */
export class CancelRequests {
  count = 0;
  fate: CancelFate;

  constructor(fate: CancelFate = "heeded") {
    this.fate = fate;
  }

  readonly tap = (): Tap => {
    let swallows = false;
    return (direction, bytes): Passage => {
      if (swallows) return { bytes: Buffer.alloc(0) };
      const cancels = direction === "toServer" && bytes.length === 16 && bytes.readInt32BE(4) === CANCEL;
      if (!cancels) return { bytes };
      this.count += 1;
      if (this.fate === "heeded") return { bytes };
      swallows = true;
      return { bytes: Buffer.alloc(0), cut: this.fate === "cut" };
    };
  };
}
