/** A proxy that understands what passes, and cuts a connection at any message of it. */
import {
  openTcpProxy,
  type Direction,
  type Passage,
  type Tap,
  type TcpProxy,
} from "../../support/tcp-proxy.ts";
import type { Framing, Message } from "./framing.ts";

/** Where in a message a connection can be cut: nothing, half or all of it has passed then. */
export const POINTS = ["before", "at", "after"] as const;

/** One cut: both sides are reset there, once. */
export interface Cut {
  readonly direction: Direction;
  /** Which message of that direction since the proxy was armed, from 0. */
  readonly index: number;
  readonly point: (typeof POINTS)[number];
}

/** What has passed since the proxy was armed, on all connections. */
export interface Trace {
  /** The types of the messages that came to the proxy up to the cut; those behind it never count. */
  readonly messages: Readonly<Record<Direction, string[]>>;
  /** How many messages that run a statement have reached the server whole. */
  runs: number;
  /** Whether one reached it that commits what was run. */
  commits: boolean;
  /** When the cut was made, by `performance.now`. */
  cutAt: number | undefined;
}

/** The proxy; what its TCP can do it can do too. */
export interface MessageProxy extends TcpProxy {
  /** Counts from here on, and makes one cut, if any: connections that are open may be in use already. */
  arm(cut?: Cut): Trace;
}

/** Listens in front of a server that speaks that protocol. */
export async function openMessageProxy(
  target: { readonly host: string; readonly port: number },
  framing: Framing,
): Promise<MessageProxy> {
  let armed: Armed | undefined;
  const tap = (): Tap => {
    const splits = { toServer: framing.split("toServer"), toClient: framing.split("toClient") };
    return (direction, chunk) => {
      const messages = splits[direction](chunk);
      return armed?.pass(direction, messages) ?? { bytes: Buffer.concat(messages.map(({ bytes }) => bytes)) };
    };
  };
  const proxy = await openTcpProxy(target, { tap });
  return Object.assign(Object.create(proxy) as TcpProxy, {
    arm: (cut?: Cut) => {
      armed = new Armed(framing, cut);
      return armed.trace;
    },
    [Symbol.asyncDispose]: () => proxy.close(),
  });
}

class Armed {
  readonly trace: Trace = {
    messages: { toServer: [], toClient: [] },
    runs: 0,
    commits: false,
    cutAt: undefined,
  };
  readonly #framing: Framing;
  readonly #cut: Cut | undefined;

  constructor(framing: Framing, cut: Cut | undefined) {
    this.#framing = framing;
    this.#cut = cut;
  }

  pass(direction: Direction, messages: readonly Message[]): Passage {
    const passed: Buffer[] = [];
    for (const message of messages) {
      const point = this.#pointOf(direction, message);
      if (point === "at") passed.push(message.bytes.subarray(0, message.middle));
      if (point === undefined || point === "after") {
        passed.push(message.bytes);
        if (direction === "toServer") this.#reached(message);
      }
      if (point !== undefined) return { bytes: Buffer.concat(passed), cut: true };
    }
    return { bytes: Buffer.concat(passed) };
  }

  #pointOf(direction: Direction, { type }: Message): Cut["point"] | undefined {
    if (this.trace.cutAt !== undefined) return undefined;
    const index = this.trace.messages[direction].push(type) - 1;
    if (this.#cut?.direction !== direction || this.#cut.index !== index) return undefined;
    this.trace.cutAt = performance.now();
    return this.#cut.point;
  }

  #reached({ type }: Message): void {
    if (type === this.#framing.runs) this.trace.runs += 1;
    if (type === this.#framing.commits && this.trace.runs > 0) this.trace.commits = true;
  }
}
