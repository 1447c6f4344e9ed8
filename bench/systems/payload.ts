/** What every job carries, on every system. */
export interface Payload {
  readonly index: number;
}

/** `count` payloads from `first` on. */
export function payloads(first: number, count: number): Payload[] {
  return Array.from({ length: count }, (_, offset) => ({ index: first + offset }));
}
