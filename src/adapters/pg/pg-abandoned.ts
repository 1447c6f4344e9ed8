import { cancelOnServer } from "./pg-cancel.ts";
import type { PgPool, PgPoolClient } from "./pg-driver.ts";
import type { LentClient } from "./checked-out-client.ts";

/** How often it is looked whether a session may be let go, in milliseconds. */
const TICK_MS = 100;
/** After how long a request to cancel is sent again, in milliseconds: doubling, from the first to the last. */
const CANCEL_AGAIN_MS = [1_000, 30_000] as const;
/** How long a session has to answer, once it was asked to cancel or a later statement was answered, in milliseconds. */
const GRACE_MS = 1_000;
/** For how long a session in whose place somebody waits is believed to be alive, in milliseconds, for the first of them. */
const PATIENCE_MS = 120_000;
/** How soon a peer that is gone is asked for a sign of life, in milliseconds; the system then gives it ten seconds. */
const KEEP_ALIVE_MS = 5_000;

/** A session of which nobody waits for the answer any more. */
interface Abandoned {
  readonly lent: LentClient;
  /** Of the statement; undefined where that is one of a transaction's. */
  readonly text: string | undefined;
  readonly number: number;
  readonly since: number;
  /** Since when it is believed to be silent. */
  silentSince: number;
  cancelAt: number;
  pauseMs: number;
}

/**
 * Sessions whose statement was given up, while the server may be at it still: waiting for a lock on the table, say. To
 * close the connection would not end it there (a backend looks at its socket only when it has something to say), so
 * that each try after the first would take one more of the server's connections, and the pool's `max` would mean
 * nothing [98 of 100, of a pool of 24, after 100 s of a lock]. So a session keeps its place in the pool until
 *
 * - the server has answered, which it does as soon as a request to cancel has reached it; the request is sent again
 *   as long as it has not. The connection is closed then: a request that is still on its way would hit the next
 *   statement on it;
 * - or the connection has ended, by the server's doing or since the peer gives no sign of life (TCP keep-alive).
 *
 * A connection that has gone silent (a firewall that forgot it, a host that died) may do neither for a quarter of an
 * hour, and a server at which every request to cancel is lost looks just the same from here. So that neither a silent
 * pool stands still nor a held up server fills,
 *
 * - while a session does not answer, those that were open with it are closed, not lent: they may be silent too, and
 *   nothing of them is under way;
 * - it is closed once a statement of the same text that was sent later has been answered: what held the first up would
 *   hold that up as well, so it is silent;
 * - where somebody waits for a connection, and a session has been silent for two minutes, it is closed, the oldest
 *   first, and the next one after twice as long. If the server was silent, an answer comes in its place, and the rest
 *   goes; if it is held up, it has one session more than the pool's size after two minutes, two after six, three after
 *   fourteen. Only here the promise of `max` ends.
 */
export class AbandonedSessions {
  readonly #pool: PgPool;
  readonly #held = new Set<Abandoned>();
  #timer: ReturnType<typeof setInterval> | undefined;
  #patienceMs = PATIENCE_MS;
  #lostPatienceAt = -Infinity;
  #count = 0;
  /** What {@link AbandonedSessions.count} was when a client was last given back, where there was any. */
  readonly #returnedAt = new WeakMap<PgPoolClient, number>();

  constructor(pool: PgPool) {
    this.#pool = pool;
  }

  /** How many there have been so far: by this it is known what was sent later. */
  get count(): number {
    return this.#count;
  }

  /** Keeps the place of a session whose statement has been cancelled once, until it is known to be free on the server. */
  keep(lent: LentClient, text: string | undefined): void {
    if (isReady(lent.client)) {
      lent.destroy();
      return;
    }
    const now = performance.now();
    this.#count += 1;
    const [pauseMs] = CANCEL_AGAIN_MS;
    const session: Abandoned = {
      lent,
      text,
      number: this.#count,
      since: now,
      silentSince: Infinity,
      cancelAt: now + pauseMs,
      pauseMs,
    };
    const over = (): void => {
      this.#letGo(session);
    };
    this.#held.add(session);
    lent.client.on("drain", over);
    lent.client.on("end", over);
    lent.client.on("error", over);
    keepAlive(lent.client);
    this.#timer ??= setInterval(() => {
      this.#tick();
    }, TICK_MS);
  }

  /** @param count what {@link AbandonedSessions.count} was when a statement of that text was sent that has been answered */
  answered(text: string, count: number): void {
    if (this.#held.size === 0) return;
    const now = performance.now();
    for (const session of this.#held)
      if (session.text === text && session.number <= count)
        session.silentSince = Math.min(session.silentSince, now);
  }

  /** A client is given back, all it was asked has been answered. */
  returned(client: PgPoolClient): void {
    if (this.#count > 0) this.#returnedAt.set(client, this.#count);
  }

  /** Whether the connection of a client that the pool lends may be silent: it was open already with one that is. */
  suspects(client: PgPoolClient): boolean {
    if (this.#held.size === 0 || !wasLentBefore(client)) return false;
    const returnedAt = this.#returnedAt.get(client) ?? 0;
    const longAgo = performance.now() - GRACE_MS;
    for (const { number, since } of this.#held) if (number > returnedAt && since < longAgo) return true;
    return false;
  }

  #tick(): void {
    const now = performance.now();
    for (const session of this.#held) {
      // The owner of the pool waits for each of its clients, and no longer for its answer.
      if (this.#pool.ending === true || now >= session.silentSince + GRACE_MS) this.#letGo(session);
      else if (now >= session.cancelAt) this.#cancelAgain(session);
    }
    const [oldest] = this.#held;
    if (oldest === undefined || (this.#pool.waitingCount ?? 0) === 0) return;
    if (now < Math.max(oldest.since, this.#lostPatienceAt) + this.#patienceMs) return;
    this.#lostPatienceAt = now;
    this.#patienceMs *= 2;
    this.#letGo(oldest);
  }

  #cancelAgain(session: Abandoned): void {
    session.cancelAt = Infinity;
    session.pauseMs = Math.min(2 * session.pauseMs, CANCEL_AGAIN_MS[1]);
    void cancelOnServer(session.lent.client, this.#pool.options?.stream).then(() => {
      session.cancelAt = performance.now() + session.pauseMs;
    });
  }

  #letGo(session: Abandoned): void {
    if (!this.#held.delete(session)) return;
    session.lent.destroy();
    if (this.#held.size > 0) return;
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#patienceMs = PATIENCE_MS;
  }
}

/** Whether the server has answered all that the client has sent. */
function isReady(client: PgPoolClient): boolean {
  return (client as { readonly readyForQuery?: unknown }).readyForQuery === true;
}

/** By the pool's own count of it. */
function wasLentBefore(client: PgPoolClient): boolean {
  return (client as { readonly _poolUseCount?: unknown })._poolUseCount !== undefined;
}

function keepAlive(client: PgPoolClient): void {
  const { connection } = client as {
    readonly connection?: { readonly stream?: { setKeepAlive?(enable: boolean, afterMs: number): unknown } };
  };
  connection?.stream?.setKeepAlive?.(true, KEEP_ALIVE_MS);
}
