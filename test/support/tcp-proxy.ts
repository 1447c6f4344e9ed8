/** A TCP proxy between a driver and its server, for what networks do to connections. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

import { Lag } from "./tcp-lag.ts";

/** Where a chunk is going. */
export type Direction = "toServer" | "toClient";

/** What becomes of a chunk: how much of it is passed on, and whether both sides are reset after that. */
export interface Passage {
  readonly bytes: Buffer;
  readonly cut?: boolean;
}

/** Sees all that goes through one connection, before it is passed on. */
export type Tap = (direction: Direction, chunk: Buffer) => Passage;

/** The proxy. What it does to connections it does to all of them. */
export interface TcpProxy extends AsyncDisposable {
  readonly port: number;
  /** How many connections are open on either side. */
  readonly size: number;
  /** How many bytes have been swallowed, of both directions. */
  readonly swallowed: number;
  /** Resets both sides of every connection; answers of how many. */
  resetAll(): number;
  /** Connections stay open, and nothing passes either way; new ones are accepted and get nothing. */
  blackhole(ms?: number): void;
  /** Of the connections that are open nothing passes any more, either way; new ones are as ever. Answers of how many. */
  silence(): number;
  /** What the client sends passes, what the server answers is swallowed. */
  dropReplies(ms?: number): void;
  /** Everything passes so much later, for `forMs` from now. */
  delay(ms: number, forMs?: number): void;
  /** The next that goes in that direction, through whichever connection, is held so long, and what follows it there with it. */
  stallNext(direction: Direction, ms: number): void;
  /** How often that has happened. */
  readonly stalled: number;
  /** Ends all of these, also before their time. Connections of which something was swallowed are reset. */
  heal(): void;
  /**
   * The ports from which this proxy has connected to the server, of the connections that it cut itself, or whose
   * client has gone without the server's hearing of it in time.
   */
  readonly severed: ReadonlySet<number>;
  /** Resets what is open and frees the port. */
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function openTcpProxy(
  target: { readonly host: string; readonly port: number },
  { tap = () => (_direction, bytes) => ({ bytes }) }: { readonly tap?: () => Tap } = {},
): Promise<TcpProxy> {
  const links = new Set<Link>();
  const severed = new Set<number>();
  let swallows: Swallows = NOTHING;
  let swallowed = 0;
  let timer: NodeJS.Timeout | undefined;
  let delayMs = 0;
  let delayTimer: NodeJS.Timeout | undefined;
  const stalls = { toServer: 0, toClient: 0 };
  let stalled = 0;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const link: Link = new Link(
      client,
      () => (swallows.toServer ? undefined : connect({ ...target, ...SOCKET })),
      tap(),
      severed,
    );
    link.swallow(swallows);
    link.delay(delayMs);
    links.add(link);
    link.stallOf = (direction) => {
      const ms = stalls[direction];
      if (ms > 0) stalled += 1;
      stalls[direction] = 0;
      return ms;
    };
    link.onSwallowed = (bytes) => (swallowed += bytes);
    link.onClosed = () => links.delete(link);
  });
  // One that could not be accepted is its client's to try again.
  server.on("error", () => undefined);
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const swallow = (what: Swallows, ms?: number): void => {
    clearTimeout(timer);
    swallows = what;
    for (const link of links) link.swallow(what);
    if (ms !== undefined) timer = setTimeout(swallow, ms, NOTHING);
  };
  const delay = (ms: number, forMs?: number): void => {
    clearTimeout(delayTimer);
    delayMs = ms;
    for (const link of links) link.delay(ms);
    if (forMs !== undefined) delayTimer = setTimeout(delay, forMs, 0);
  };
  const resetAll = (): number => {
    const open = [...links];
    for (const link of open) link.sever();
    return open.length;
  };
  const close = async (): Promise<void> => {
    clearTimeout(timer);
    clearTimeout(delayTimer);
    if (!server.listening) return;
    const closed = once(server, "close");
    server.close();
    resetAll();
    await closed;
  };
  return {
    port: (server.address() as AddressInfo).port,
    get size() {
      return links.size;
    },
    get swallowed() {
      return swallowed;
    },
    resetAll,
    blackhole: (ms) => {
      swallow({ toServer: true, toClient: true }, ms);
    },
    silence: () => {
      for (const link of links) link.swallow({ toServer: true, toClient: true });
      return links.size;
    },
    dropReplies: (ms) => {
      swallow({ toServer: false, toClient: true }, ms);
    },
    delay,
    stallNext: (direction, ms) => {
      stalls[direction] = ms;
    },
    heal: () => {
      swallow(NOTHING);
      delay(0);
      stalls.toServer = stalls.toClient = 0;
    },
    severed,
    get stalled() {
      return stalled;
    },
    close,
    [Symbol.asyncDispose]: close,
  };
}

type Swallows = Readonly<Record<Direction, boolean>>;

const NOTHING: Swallows = { toServer: false, toClient: false };
const SOCKET = { allowHalfOpen: true, noDelay: true } as const;

/** One client's connection, and the one to the server that stands for it. */
class Link {
  onClosed: () => void = () => undefined;
  onSwallowed: (bytes: number) => void = () => undefined;
  /** How long to hold what comes now; asked once for each chunk. */
  stallOf: (direction: Direction) => number = () => 0;
  readonly #client: Socket;
  readonly #server: Socket | undefined;
  readonly #tap: Tap;
  readonly #severed: Set<number>;
  readonly #lags: Readonly<Record<Direction, Lag>> = { toServer: new Lag(), toClient: new Lag() };
  /** Kept, since a socket that has gone has no port. */
  #port: number | undefined;
  #swallows: Swallows = NOTHING;
  /** Whether something was swallowed, an end or a reset included: it can't go on as if nothing had been. */
  #maimed = false;
  #over = false;

  constructor(client: Socket, toServer: () => Socket | undefined, tap: Tap, severed: Set<number>) {
    this.#client = client;
    this.#server = toServer();
    this.#tap = tap;
    this.#severed = severed;
    this.#server?.once("connect", () => {
      this.#port = this.#server?.localPort;
      // A port is used again.
      if (this.#port !== undefined) severed.delete(this.#port);
    });
    this.#maimed = this.#server === undefined;
    this.#join("toServer", client, this.#server);
    if (this.#server !== undefined) this.#join("toClient", this.#server, client);
  }

  /** What is swallowed from now on. */
  swallow(what: Swallows): void {
    this.#swallows = what;
    if (this.#maimed && !what.toServer && !what.toClient) this.sever();
  }

  delay(ms: number): void {
    for (const lag of Object.values(this.#lags)) lag.delayMs = ms;
  }

  /** A reset that neither side has asked for. */
  sever(): void {
    if (!this.#over && this.#port !== undefined) this.#severed.add(this.#port);
    this.reset();
  }

  reset(): void {
    if (this.#over) return;
    this.#over = true;
    for (const lag of Object.values(this.#lags)) lag.clear();
    for (const socket of [this.#client, this.#server]) socket?.resetAndDestroy();
    this.onClosed();
  }

  #join(direction: Direction, from: Socket, to: Socket | undefined): void {
    const lag = this.#lags[direction];
    from.on("data", (chunk: Buffer) => {
      const stallMs = this.stallOf(direction);
      if (stallMs > 0) lag.hold(stallMs);
      lag.pass(() => {
        this.#forward(direction, chunk, from, to);
      });
    });
    from.on("end", () => {
      this.#leaves(direction);
      lag.pass(() => {
        if (this.#passes(direction, to)) to.end();
      });
    });
    // It arrives behind what was sent before it.
    from.on("error", () => {
      this.#leaves(direction);
      lag.pass(() => {
        if (this.#passes(direction, to)) this.reset();
      });
    });
    from.on("close", () => {
      if (!this.#passes(direction, to) || !to.destroyed) return;
      this.#over = true;
      this.onClosed();
    });
  }

  #forward(direction: Direction, chunk: Buffer, from: Socket, to: Socket | undefined): void {
    if (!this.#passes(direction, to)) {
      this.onSwallowed(chunk.length);
      return;
    }
    const { bytes, cut = false } = this.#tap(direction, chunk);
    if (cut) this.#cutAfter(bytes, to);
    else if (!to.write(bytes)) this.#hold(from, to);
  }

  /** A side goes: where the other can't hear of it at once, that is this proxy's doing. */
  #leaves(direction: Direction): void {
    if (direction === "toClient" || this.#port === undefined) return;
    if (this.#swallows.toServer || this.#lags.toServer.busy) this.#severed.add(this.#port);
  }

  /** Whether what comes from one side reaches the other; where not, it is noted. */
  #passes(direction: Direction, to: Socket | undefined): to is Socket {
    if (this.#over) return false;
    if (to !== undefined && !this.#swallows[direction]) return true;
    this.#maimed = true;
    return false;
  }

  /** Nothing else may pass, or the other side's answer might still be in time. */
  #cutAfter(bytes: Buffer, to: Socket): void {
    for (const socket of [this.#client, this.#server]) socket?.removeAllListeners("data").pause();
    if (bytes.length === 0) this.sever();
    else
      to.write(bytes, () => {
        this.sever();
      });
  }

  #hold(from: Socket, to: Socket): void {
    from.pause();
    to.once("drain", () => from.resume());
  }
}
