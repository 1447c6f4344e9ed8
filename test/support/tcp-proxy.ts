/** A TCP proxy between a driver and its server, for what networks do to connections. */
import { once } from "node:events";
import { connect, createServer, type AddressInfo, type Socket } from "node:net";

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
  /** Ends both of these, also before their time. Connections of which something was swallowed are reset. */
  heal(): void;
  /** Resets what is open and frees the port. */
  close(): Promise<void>;
}

/** Listens on a free port of 127.0.0.1. */
export async function openTcpProxy(
  target: { readonly host: string; readonly port: number },
  { tap = () => (_direction, bytes) => ({ bytes }) }: { readonly tap?: () => Tap } = {},
): Promise<TcpProxy> {
  const links = new Set<Link>();
  let swallows: Swallows = NOTHING;
  let swallowed = 0;
  let timer: NodeJS.Timeout | undefined;
  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    const link: Link = new Link(
      client,
      () => (swallows.toServer ? undefined : connect({ ...target, ...SOCKET })),
      tap(),
    );
    link.swallow(swallows);
    links.add(link);
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
  const resetAll = (): number => {
    const open = [...links];
    for (const link of open) link.reset();
    return open.length;
  };
  const close = async (): Promise<void> => {
    clearTimeout(timer);
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
    heal: () => {
      swallow(NOTHING);
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
  readonly #client: Socket;
  readonly #server: Socket | undefined;
  readonly #tap: Tap;
  #swallows: Swallows = NOTHING;
  /** Whether something was swallowed, an end or a reset included: it can't go on as if nothing had been. */
  #maimed = false;
  #over = false;

  constructor(client: Socket, toServer: () => Socket | undefined, tap: Tap) {
    this.#client = client;
    this.#server = toServer();
    this.#tap = tap;
    this.#maimed = this.#server === undefined;
    this.#join("toServer", client, this.#server);
    if (this.#server !== undefined) this.#join("toClient", this.#server, client);
  }

  /** What is swallowed from now on. */
  swallow(what: Swallows): void {
    this.#swallows = what;
    if (this.#maimed && !what.toServer && !what.toClient) this.reset();
  }

  reset(): void {
    if (this.#over) return;
    this.#over = true;
    for (const socket of [this.#client, this.#server]) socket?.resetAndDestroy();
    this.onClosed();
  }

  #join(direction: Direction, from: Socket, to: Socket | undefined): void {
    from.on("data", (chunk: Buffer) => {
      if (!this.#passes(direction, to)) {
        this.onSwallowed(chunk.length);
        return;
      }
      const { bytes, cut = false } = this.#tap(direction, chunk);
      if (cut) this.#cutAfter(bytes, to);
      else if (!to.write(bytes)) this.#hold(from, to);
    });
    from.on("end", () => {
      if (this.#passes(direction, to)) to.end();
    });
    from.on("error", () => {
      if (this.#passes(direction, to)) this.reset();
    });
    from.on("close", () => {
      if (!this.#passes(direction, to) || !to.destroyed) return;
      this.#over = true;
      this.onClosed();
    });
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
    if (bytes.length === 0) this.reset();
    else
      to.write(bytes, () => {
        this.reset();
      });
  }

  #hold(from: Socket, to: Socket): void {
    from.pause();
    to.once("drain", () => from.resume());
  }
}
