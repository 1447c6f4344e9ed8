import { causesText } from "../../core/values/error-text.ts";
import type { ListenCallbacks, Listening, SqlExecutor } from "../../core/executor.ts";
import type { Logger } from "../../core/logger.ts";
import { sqlState } from "../../core/sql/sql-state.ts";
import type { TurnRequest } from "../../core/turn/turn-request.ts";

/** What makes a probe's payload. */
const PROBE = "probe:";
/** How soon a probe is sent again, at most, with turns that leave in any case. */
const PROBE_AGAIN_MS = 60_000;
/** How long after its turn's answer a probe must have been heard. */
const DEAF_MS = 10_000;
/** How soon a session that was lost is opened again. */
const REOPEN_MS = 1_000;
/** How soon a LISTEN that was refused twice is tried again, and one that hears nothing, doubling. */
const LISTEN_AGAIN_MS = 60_000;
const LONGEST_AGAIN_MS = 3_600_000;

/** What {@link ListenKeeper} has to know. */
export interface ListenKeeperOptions {
  readonly listen: SqlExecutor["listen"];
  readonly channel: string;
  readonly safetyPollMs: number;
  readonly logger: Logger;
  readonly now: () => number;
  /** Takes what was heard, but for probes. */
  readonly onMessage: (payload: string) => void;
  /** Called when there is another session, or none: what was known of the server may be so no more. */
  readonly onDoubt: () => void;
  /** Called when there may be work that nothing was heard of. */
  readonly onWake: () => void;
  /** Called when {@link ListenKeeper.nextAt} is sooner than it was. */
  readonly onSooner: () => void;
}

/**
 * Keeps a LISTEN open, and knows whether it can be relied on. Through a pooler
 * it succeeds and hears nothing, and a connection may go silent, so it counts
 * only while the worker hears its own probes.
 */
export class ListenKeeper {
  readonly #options: ListenKeeperOptions;
  #listening: Listening | undefined;
  /** Whether a session is there, for all that is known. */
  #open = false;
  #opening = false;
  #openAt = Infinity;
  /** Whether to open one once the database has answered a turn. */
  #openWithAnswer = false;
  #asleep = false;
  #failures = 0;
  /** How often in a row a probe was not heard. */
  #deaf = 0;
  #stopped = false;
  #heard = false;
  /** The probe that has been sent and not been heard. */
  #probe: string | undefined;
  #probeAt = Infinity;
  #deafAt = Infinity;

  constructor(options: ListenKeeperOptions) {
    this.#options = options;
  }

  /** Whether the session that there is hears. */
  get heard(): boolean {
    return this.#heard;
  }

  /** Whether the database may have gone to sleep, which is not to be woken. */
  get asleep(): boolean {
    return this.#asleep;
  }

  /** When {@link ListenKeeper.tick} has something to do. */
  get nextAt(): number {
    return Math.min(this.#openAt, this.#deafAt);
  }

  /** Begins to LISTEN, where the driver can, or opens another session; a failure means polling, until it is tried again. */
  async open(): Promise<void> {
    const { listen, channel } = this.#options;
    this.#openAt = Infinity;
    if (listen === undefined || this.#opening || this.#stopped) return;
    [this.#opening, this.#openWithAnswer, this.#asleep] = [true, false, false];
    try {
      if (this.#listening === undefined) {
        this.#listening = await listen(channel, this.#callbacks());
        this.#opened();
      } else {
        await this.#listening.reopen();
      }
      // A stop that came meanwhile may have had nothing to stop.
      if (this.#isStopped()) await this.#listening.stop();
    } catch (error) {
      this.#failed(error);
    }
    this.#opening = false;
  }

  /** Does what is due by now. */
  tick(now: number): void {
    if (now >= this.#deafAt) this.#isDeaf(now);
    if (now >= this.#openAt) void this.open();
  }

  /** The probe that the next turn should carry, if any. */
  probe(now: number): string | undefined {
    if (!this.#open || this.#probe !== undefined || now < this.#probeAt) return undefined;
    this.#probe = `${PROBE}${crypto.randomUUID()}`;
    this.#probeAt = now + Math.min(this.#options.safetyPollMs, PROBE_AGAIN_MS);
    return this.#probe;
  }

  /** Learns from a turn that was answered: the database is awake, and a probe is on its way. */
  answered({ probe }: TurnRequest): void {
    if (this.#openWithAnswer || this.#asleep) void this.open();
    if (probe === undefined || probe !== this.#probe) return;
    this.#deafAt = this.#options.now() + Math.min(this.#options.safetyPollMs, DEAF_MS);
  }

  /** Learns from a turn that failed: its probe was not sent. */
  failed({ probe }: TurnRequest, error: unknown): void {
    if (probe === undefined || probe !== this.#probe) return;
    this.#probe = undefined;
    this.#probeAt = -Infinity;
    if (sqlState(error) !== QUEUE_IS_FULL) return;
    // Each turn with a probe would be refused, and nobody is woken: so it polls.
    this.#heard = false;
    this.#probeAt = this.#options.now() + PROBE_AGAIN_MS;
  }

  /** Ends LISTEN, or sees to it that it ends as soon as it has begun. */
  async stop(): Promise<void> {
    [this.#stopped, this.#open, this.#openAt, this.#deafAt] = [true, false, Infinity, Infinity];
    try {
      await this.#listening?.stop();
    } catch {
      // The session is gone, and LISTEN with it.
    }
  }

  #isStopped(): boolean {
    return this.#stopped;
  }

  #callbacks(): ListenCallbacks {
    return {
      onNotify: (payload) => {
        if (payload.startsWith(PROBE)) this.#hearProbe(payload);
        else this.#options.onMessage(payload);
      },
      onReopened: () => {
        this.#opened();
      },
      onLost: (clean) => {
        this.#lost(clean);
      },
    };
  }

  #opened(): void {
    if (this.#stopped) return;
    this.#forget();
    [this.#open, this.#openAt, this.#openWithAnswer, this.#asleep] = [true, Infinity, false, false];
    [this.#failures, this.#probeAt] = [0, -Infinity];
    this.#options.onWake();
  }

  #lost(clean: boolean): void {
    if (this.#stopped) return;
    this.#forget();
    this.#open = false;
    // To connect would wake a database that sleeps, and keep it awake: its sessions end each time that it goes to sleep.
    if (clean && this.#options.safetyPollMs === Infinity) this.#asleep = true;
    else this.#openAt = this.#options.now() + REOPEN_MS;
    this.#options.onSooner();
  }

  #forget(): void {
    [this.#heard, this.#probe, this.#deafAt] = [false, undefined, Infinity];
    this.#options.onDoubt();
  }

  #failed(error: unknown): void {
    const { logger, now, onWake } = this.#options;
    this.#open = false;
    this.#failures += 1;
    // A server that was away may be back with the next answer.
    if (this.#failures === 1) this.#openWithAnswer = true;
    else this.#openAt = now() + LISTEN_AGAIN_MS;
    if (this.#failures === 1) logger.warn("LISTEN failed: polling instead", { error: causesText(error) });
    onWake();
  }

  #isDeaf(now: number): void {
    const { logger, onWake } = this.#options;
    this.#forget();
    if (this.#deaf === 0)
      logger.warn(
        "LISTEN is deaf: behind a pooler, or its connection has gone silent; polling, and opening another",
      );
    // It is probed on, but not replaced each time: behind a pooler the next is as deaf.
    if (this.#openAt === Infinity) {
      const againMs =
        this.#deaf === 0 ? 0 : Math.min(LISTEN_AGAIN_MS * 2 ** (this.#deaf - 1), LONGEST_AGAIN_MS);
      this.#openAt = now + againMs;
      this.#deaf += 1;
    }
    onWake();
  }

  #hearProbe(payload: string): void {
    if (payload !== this.#probe) return;
    [this.#probe, this.#deafAt] = [undefined, Infinity];
    if (this.#deaf > 0) this.#options.logger.info("LISTEN hears again");
    this.#deaf = 0;
    if (this.#heard) return;
    this.#heard = true;
    this.#options.onWake();
  }
}

/** Too many notifications in the NOTIFY queue: some session that LISTENs has had a transaction open for long. */
const QUEUE_IS_FULL = "54000";
