/** Where one message of a protocol ends and the next begins. */
import type { Direction } from "../../support/tcp-proxy.ts";

/** One whole message. */
export interface Message {
  /** PostgreSQL's letter; `startup`, `request` or `reply` for what has none. */
  readonly type: string;
  readonly bytes: Buffer;
  /** Where its middle is: behind its head, where it has a body. */
  readonly middle: number;
}

/** Splits what one side says on one connection; what is not yet whole waits for its rest. */
export type Split = (chunk: Buffer) => readonly Message[];

/** A protocol, and by which message of the client's a statement is carried out. */
export interface Framing {
  readonly split: (direction: Direction) => Split;
  /** The message that has a statement run. */
  readonly runs: string;
  /** The message that has it committed. */
  readonly commits: string;
}

/** PostgreSQL's protocol, version 3, without TLS. */
export const POSTGRES: Framing = {
  split: (direction) => {
    // The first message of a client bears no letter.
    let started = direction === "toClient";
    return splitting((bytes) => {
      const head = started ? 1 : 0;
      if (bytes.length < head + 4) return undefined;
      const length = head + bytes.readInt32BE(head);
      if (bytes.length < length) return undefined;
      const type = started ? String.fromCharCode(bytes[0] ?? 0) : "startup";
      started = true;
      return { type, length, middle: Math.floor(length / 2) };
    });
  },
  runs: "E",
  commits: "S",
};

const BLANK_LINE = "\r\n\r\n";
const LAST_CHUNK = "0\r\n\r\n";

/** HTTP/1.1, its bodies with a length or in chunks. */
export const HTTP: Framing = {
  split: (direction) =>
    splitting((bytes) => {
      const head = bytes.indexOf(BLANK_LINE);
      if (head === -1) return undefined;
      const body = head + BLANK_LINE.length;
      const declared = /^content-length: *(\d+)/im.exec(bytes.toString("latin1", 0, head))?.[1];
      const end = bytes.indexOf(LAST_CHUNK, body);
      if (declared === undefined && end === -1) return undefined;
      const length = declared === undefined ? end + LAST_CHUNK.length : body + Number(declared);
      if (bytes.length < length) return undefined;
      const type = direction === "toServer" ? "request" : "reply";
      return { type, length, middle: Math.floor((body + length) / 2) };
    }),
  runs: "request",
  commits: "request",
};

function splitting(
  first: (
    bytes: Buffer,
  ) => { readonly type: string; readonly length: number; readonly middle: number } | undefined,
): Split {
  let rest: Buffer = Buffer.alloc(0);
  return (chunk) => {
    rest = Buffer.concat([rest, chunk]);
    const messages: Message[] = [];
    for (let next = first(rest); next !== undefined; next = first(rest)) {
      const { type, length, middle } = next;
      messages.push({ type, bytes: rest.subarray(0, length), middle });
      rest = rest.subarray(length);
    }
    return messages;
  };
}
