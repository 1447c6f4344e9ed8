import { RECONNECTED } from "../core/executor.ts";
import type { Logger } from "../core/logger.ts";
import type { PgJobStore } from "../core/store.ts";
import type { JobContracts } from "../core/contract.ts";
import type { TurnAnswer } from "../core/turn-answer.ts";
import type { TurnRequest } from "../core/turn.ts";
import { causesText } from "../core/error-text.ts";
import { Busyness } from "./busyness.ts";

/** What makes a probe's payload: any other means that there may be work. */
const PROBE = "probe:";
/** After raising its guard a worker looks again after these, in milliseconds, and then at each last one. */
const AFTER_GUARD_MS = [5, 25, 100, 250, 1_000] as const;
/** How soon a busy worker that is not notified looks again. */
const BUSY_LOOK_MS = 5;
/** How much longer than a safety poll a guard stands, so that a late poll finds it standing. */
const GUARD_MARGIN_MS = 10_000;
/** How soon a LISTEN that was refused twice is tried again. */
const LISTEN_AGAIN_MS = 60_000;
/** A guard without an end: a database that sleeps is not to be woken to renew it. */
const ENDLESS_GUARD_MS = 315_576_000_000;

/** What {@link WakeListener} has to know. */
export interface WakeListenerOptions {
  readonly store: PgJobStore<JobContracts>;
  readonly worker: string;
  readonly safetyPollMs: number;
  readonly logger: Logger;
  readonly now: () => number;
  /** Called when there may be work, and when the first probe has been heard. */
  readonly onWake: () => void;
}

/**
 * LISTEN, and whether it can be relied on. Through a pooler it succeeds and
 * hears nothing, so it counts only once the worker has heard its own probe.
 * Inserts notify only while a guard stands; a writer that looked for the guard
 * before it stood may still commit, so after raising it the worker looks again
 * until every transaction then open has ended.
 */
export class WakeListener {
  readonly #options: WakeListenerOptions;
  #unlisten: (() => Promise<void>) | undefined;
  #failures = 0;
  /** When to try again to LISTEN, once the database answers. */
  #listenAt = Infinity;
  #listening = false;
  #stopped = false;
  #heard = false;
  /** The probe that has been sent and not been heard. */
  #probe: string | undefined;
  #probeAt = 0;
  #guardUntil = -Infinity;
  /** Transactions older than this may have missed the guard; null until a look after the guard has said which. */
  #horizon: bigint | null = null;
  /** Turns that were under way when the guard stood: what they saw may be older than it. */
  #older = new WeakSet<TurnRequest>();
  #quiet = false;
  readonly #busyness = new Busyness();
  #looks = 0;

  constructor(options: WakeListenerOptions) {
    this.#options = options;
  }

  /** Whether inserts are known to wake this worker. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Begins to LISTEN, where the driver can; a failure means polling, until it is tried again. */
  async start(): Promise<void> {
    const { store, logger } = this.#options;
    const { listen } = store;
    if (listen === undefined) return;
    try {
      this.#unlisten = await listen(store.channel, (payload) => {
        this.#hear(payload);
      });
      if (this.#stopped) {
        await this.stop();
        return;
      }
      this.#listening = true;
      this.#options.onWake();
    } catch (error) {
      // A server that was away may be back with the next answer.
      this.#listenAt = this.#failures === 0 ? -Infinity : this.#options.now() + LISTEN_AGAIN_MS;
      this.#failures += 1;
      if (this.#failures === 1) logger.warn("LISTEN failed: polling instead", { error: causesText(error) });
    }
  }

  /** What the next turn should carry for the listener. */
  parts(): Pick<TurnRequest, "guard" | "probe"> {
    const now = this.#options.now();
    const { busy, backlog } = this.#busyness;
    if (busy) return this.lower();
    const parts: { guard?: TurnRequest["guard"]; probe?: string } = {};
    if (this.#listening && now >= this.#probeAt) {
      // A probe that was not heard by the time of the next: LISTEN is deaf.
      if (this.#probe !== undefined) this.#heard = false;
      this.#probe = `${PROBE}${crypto.randomUUID()}`;
      this.#probeAt = now + this.#options.safetyPollMs;
      parts.probe = this.#probe;
    }
    if (!backlog && this.#heard && now >= this.#renewGuardAt) {
      parts.guard = { worker: this.#options.worker, forMs: this.#guardMs };
    }
    return parts;
  }

  /**
   * Takes the guard down with the next turn: a worker that finds jobs whenever it looks need not be told of more,
   * and writers that notify wait for each other's commits.
   */
  lower(): Pick<TurnRequest, "guard"> {
    return this.#guardUntil === -Infinity ? {} : { guard: { worker: this.#options.worker, forMs: 0 } };
  }

  /**
   * Learns from a turn that was answered.
   *
   * @param underWay all that were sent and had not been answered before
   */
  answered(request: TurnRequest, answer: TurnAnswer, underWay: readonly TurnRequest[]): void {
    const { guard, pickUp } = request;
    if (this.#options.now() >= this.#listenAt && !this.#stopped) {
      this.#listenAt = Infinity;
      void this.start();
    }
    if (pickUp !== undefined) this.#busyness.looked(answer, this.#options.now());
    if (guard?.forMs === 0) {
      this.#guardUntil = -Infinity;
    } else if (guard !== undefined) {
      const renewed = this.#guardUntil > this.#options.now();
      this.#guardUntil = this.#options.now() + guard.forMs;
      if (renewed) return;
      [this.#horizon, this.#quiet, this.#looks] = [null, false, 0];
      this.#older = new WeakSet(underWay);
    } else if (this.#guardUntil !== -Infinity && !this.#quiet && !this.#older.has(request)) {
      this.#horizon ??= answer.snapshot.next;
      this.#quiet = answer.snapshot.oldest >= this.#horizon;
    }
  }

  /** Forgets what a turn that failed was to bring about: the probe, and the guard, which a crash of the server takes down. */
  failed({ guard, probe }: TurnRequest): void {
    if (probe !== undefined && probe === this.#probe) {
      this.#probe = undefined;
      this.#probeAt = -Infinity;
    }
    if (guard?.forMs !== 0) this.#guardUntil = -Infinity;
  }

  /** How long an idle worker may sleep, in milliseconds; undefined where it can't rely on being woken. */
  idleMs(): number | undefined {
    if (!this.#heard) return undefined;
    if (this.#guardUntil === -Infinity) return this.#busyness.busy ? BUSY_LOOK_MS : 0;
    if (this.#quiet) return this.#options.safetyPollMs;
    const step = Math.min(this.#looks, AFTER_GUARD_MS.length - 1);
    this.#looks += 1;
    return AFTER_GUARD_MS[step] ?? 1_000;
  }

  /** Ends LISTEN, or sees to it that it ends as soon as it has begun. */
  async stop(): Promise<void> {
    this.#listening = false;
    this.#stopped = true;
    try {
      await this.#unlisten?.();
    } catch {
      // The session is gone, and LISTEN with it.
    }
  }

  /** So soon that it stands until the next safety poll; where there is none, it has no end. */
  get #renewGuardAt(): number {
    const { safetyPollMs } = this.#options;
    return safetyPollMs === Infinity ? this.#guardUntil : this.#guardUntil - safetyPollMs;
  }

  get #guardMs(): number {
    const { safetyPollMs } = this.#options;
    return safetyPollMs === Infinity ? ENDLESS_GUARD_MS : 2 * safetyPollMs + GUARD_MARGIN_MS;
  }

  /** The session was lost, perhaps with its server, whose crash takes the guard down: all begins anew. */
  #doubt(): void {
    this.#heard = false;
    this.#probe = undefined;
    this.#probeAt = -Infinity;
    this.#guardUntil = -Infinity;
  }

  #hear(payload: string): void {
    if (payload === RECONNECTED) this.#doubt();
    if (!payload.startsWith(PROBE)) {
      this.#options.onWake();
    } else if (payload === this.#probe) {
      this.#probe = undefined;
      if (this.#heard) return;
      this.#heard = true;
      this.#options.onWake();
    }
  }
}
