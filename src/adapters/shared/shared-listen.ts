import type { ListenCallbacks, Listening } from "../../core/executor.ts";
import { quoteName } from "../../core/sql/table-names.ts";

/** What a session tells those that share it. */
export interface SessionEvents {
  readonly onNotify: (channel: string, payload: string) => void;
  /** A driver that opens a lost session anew by itself listens again. */
  readonly onReopened: () => void;
  /** @param clean as {@link ListenCallbacks.onLost} */
  readonly onLost: (clean: boolean) => void;
}

/** A session that may listen. */
export interface ListeningSession {
  /** LISTENs to one more channel. */
  listen(channel: string): Promise<unknown>;
  /** Nobody listens to the channel any more, but somebody to others. */
  unlisten(channel: string): Promise<unknown>;
  /** Nobody listens to anything any more. */
  close(): Promise<unknown>;
  /** It is silent, and to be replaced: its answers are not waited for. */
  abandon(): void;
}

/** Opens a session; one that can't be had in {@link LISTEN_MS} is closed again when it comes. */
export type OpenSession = (events: SessionEvents) => Promise<ListeningSession>;

/** As `SqlExecutor.listen`. */
export type Listen = (channel: string, callbacks: ListenCallbacks) => Promise<Listening>;

/** How long a session, or the answer to a LISTEN, is waited for, in milliseconds: a pool may have no client to lend. */
const LISTEN_MS = 10_000;

/** For every copy of pqrun in a process, since hot reload makes one after another: the session of each driver's object. */
const SHARED: unique symbol = Symbol.for("pqrun.listening.1") as never;

/** LISTENs through one session for all that `driver` has: the pool, or the client. */
export function sharedListen(driver: object, open: OpenSession): Listen {
  return (channel, callbacks) => {
    const shared = sessions().get(driver) ?? new SharedSession(open);
    sessions().set(driver, shared);
    return shared.listen(channel, callbacks);
  };
}

function sessions(): WeakMap<object, SharedSession> {
  const globals = globalThis as { [SHARED]?: WeakMap<object, SharedSession> | undefined };
  const known = globals[SHARED] ?? new WeakMap<object, SharedSession>();
  globals[SHARED] = known;
  return known;
}

class SharedSession {
  readonly #open: OpenSession;
  readonly #channels = new Map<string, Set<ListenCallbacks>>();
  #session: ListeningSession | undefined;
  /** How many sessions there have been: who found one silent must not replace the next. */
  #sessions = 0;
  /** LISTEN, UNLISTEN and what opens sessions go one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(open: OpenSession) {
    this.#open = open;
  }

  async listen(channel: string, callbacks: ListenCallbacks): Promise<Listening> {
    await this.#inTurn(async () => {
      const session = this.#session ?? (await this.#openAnew());
      const others = this.#channels.get(channel);
      others?.add(callbacks);
      if (others !== undefined) return;
      // Before it is sent: a message may come along with the answer.
      this.#channels.set(channel, new Set([callbacks]));
      try {
        await inTime(session.listen(channel));
      } catch (error) {
        this.#channels.delete(channel);
        if (this.#channels.size === 0) this.#abandon();
        throw error;
      }
    });
    return {
      reopen: () => {
        const silent = this.#sessions;
        return this.#inTurn(async () => {
          if (this.#channels.get(channel)?.has(callbacks) !== true) return;
          if (this.#session === undefined || this.#sessions === silent) await this.#openAnew();
        });
      },
      stop: () => {
        // Nothing is heard from now on, whatever is under way.
        const listeners = this.#channels.get(channel);
        if (listeners?.delete(callbacks) !== true) return Promise.resolve();
        return this.#inTurn(() => this.#forsake(channel, listeners));
      },
    };
  }

  async #forsake(channel: string, listeners: ReadonlySet<ListenCallbacks>): Promise<void> {
    if (listeners.size > 0) return;
    this.#channels.delete(channel);
    const session = this.#session;
    if (this.#channels.size > 0) {
      await session?.unlisten(channel);
    } else {
      this.#session = undefined;
      await session?.close();
    }
  }

  #abandon(): void {
    this.#session?.abandon();
    this.#session = undefined;
  }

  /** A session for all channels, in place of what there is. */
  async #openAnew(): Promise<ListeningSession> {
    this.#abandon();
    const state: { lost: boolean; session?: ListeningSession } = { lost: false };
    const events: SessionEvents = {
      onNotify: (channel, payload) => {
        for (const { onNotify } of this.#channels.get(channel) ?? []) onNotify(payload);
      },
      onReopened: () => {
        for (const { onReopened } of this.#all()) onReopened();
      },
      onLost: (clean) => {
        state.lost = true;
        if (this.#session === undefined || this.#session !== state.session) return;
        this.#session = undefined;
        for (const { onLost } of this.#all()) onLost(clean);
      },
    };
    const session = await inTime(this.#open(events), (late) => {
      late.abandon();
    });
    state.session = session;
    try {
      for (const channel of this.#channels.keys()) await inTime(session.listen(channel));
      if (state.lost) throw new Error("the session that was to LISTEN has ended");
    } catch (error) {
      session.abandon();
      throw error;
    }
    this.#session = session;
    this.#sessions += 1;
    events.onReopened();
    return session;
  }

  #all(): readonly ListenCallbacks[] {
    return [...this.#channels.values()].flatMap((listeners) => [...listeners]);
  }

  #inTurn<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work);
    this.#last = result.catch(() => undefined);
    return result;
  }
}

/** Waits no longer than {@link LISTEN_MS}. `undo` takes what comes later. */
async function inTime<T>(work: Promise<T>, undo: (late: T) => void = () => undefined): Promise<T> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const late = new Promise<never>((_, reject) => {
    timer = setTimeout(() => {
      work.then(undo).catch(() => undefined);
      reject(new Error(`no session could LISTEN within ${LISTEN_MS} ms`));
    }, LISTEN_MS);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}

/** A session that LISTENs by statements of its owner's, on a connection of the caller's. */
export function statementSession(
  send: (text: string) => Promise<unknown>,
  stopHearing: () => void,
): ListeningSession {
  const channels = new Set<string>();
  const unlisten = (channel: string): Promise<unknown> => {
    channels.delete(channel);
    return send(`UNLISTEN ${quoteName(channel)}`);
  };
  return {
    listen: (channel) => {
      channels.add(channel);
      return send(`LISTEN ${quoteName(channel)}`);
    },
    unlisten,
    close: () => {
      stopHearing();
      return Promise.all([...channels].map(unlisten));
    },
    abandon: stopHearing,
  };
}
