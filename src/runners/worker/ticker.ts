import { isPqrunError } from "../../core/errors.ts";
import { stepOf } from "../../core/delay-policies.ts";
import type { TurnAnswer } from "../../core/turn/turn-answer.ts";
import { waitingIsFutile } from "../../core/sql/sql-state.ts";
import type { RunnerErrors, RunnerOperation } from "../runner-error.ts";
import { logStopped } from "../tick-log.ts";
import { SOON_MS, answerWithin } from "../wait.ts";
import type { Upkeep } from "./upkeep.ts";
import type { CheckedWorker } from "./worker-options.ts";

/** How often a worker asks when the next tick is due, where nobody has told it of a new schedule. */
const ASK_MS = 60_000;
/** The longest wait: by then the database's clock and the worker's may have drifted apart. A worker that lets its database sleep polls about as often. */
const LONGEST_MS = 82_800_000;
/** How soon a tick is sent again that somebody else had locked, in milliseconds, the last repeating. */
const LOCKED_MS = [...SOON_MS, 10_000] as const;
/** Timers may fire a little early. */
const AFTER_DUE_MS = 1;

/** What {@link Ticker} has to know. */
export interface TickerOptions extends Pick<
  CheckedWorker,
  "store" | "leaseMs" | "logger" | "now" | "declare"
> {
  readonly errors: RunnerErrors;
  /** Called when a tick was answered: there may be jobs. */
  readonly onTicked: () => void;
  /** Called when the database refuses what the worker declares. */
  readonly onRefused: (error: unknown) => void;
}

/**
 * Declares the worker's schedules, and ticks all that there are: a poll asks
 * once a minute when the next tick is due, and then the tick is sent beside the
 * turns, which do not wait for it.
 */
export class Ticker implements Upkeep {
  readonly #options: TickerOptions;
  #declare: TickerOptions["declare"];
  #nextAt = Infinity;
  #askAt = -Infinity;
  #underWay = false;
  /** How many ticks in a row have failed. */
  #failures = 0;
  /** How many in a row were due and made nothing: somebody else has the schedule locked. */
  #fruitless = 0;

  constructor(options: TickerOptions) {
    this.#options = options;
    this.#declare = options.declare;
    if (options.declare !== undefined) this.#nextAt = -Infinity;
  }

  /** When {@link Ticker.tick} has something to do. */
  get nextAt(): number {
    return this.#underWay ? Infinity : this.#nextAt;
  }

  /** Whether the next poll is to ask when the next tick is due. */
  asks(now: number): boolean {
    return now >= this.#askAt;
  }

  /** Has the next poll ask: a schedule or a limit may have changed. */
  askSoon(): void {
    this.#askAt = -Infinity;
  }

  /** Learns from a turn when the next tick is due, if the turn has asked. */
  answered({ nextTickInMs }: TurnAnswer, now: number): void {
    if (nextTickInMs === undefined) return;
    this.#askAt = now + ASK_MS;
    // What waits to be declared, or to be sent again after a failure, stays due.
    if (this.#declare !== undefined || this.#failures > 0) return;
    if (nextTickInMs !== 0) this.#fruitless = 0;
    const lockedMs = this.#fruitless > 0 ? stepOf(LOCKED_MS, this.#fruitless) : 0;
    this.#nextAt =
      nextTickInMs === null
        ? Infinity
        : now + (nextTickInMs > 0 ? Math.min(nextTickInMs + AFTER_DUE_MS, LONGEST_MS) : lockedMs);
  }

  /** Sends what is due by now. */
  tick(now: number): void {
    if (this.#underWay || now < this.#nextAt) return;
    this.#underWay = true;
    this.#nextAt = Infinity;
    const declare = this.#declare;
    void (declare === undefined ? this.#send("tick", this.#tick) : this.#send("declare", declare)).finally(
      () => {
        this.#underWay = false;
        this.#options.onTicked();
      },
    );
  }

  readonly #tick = async (options: { readonly signal: AbortSignal }): Promise<void> => {
    const { store, logger } = this.#options;
    const ticks = await store.tick(options);
    logStopped(ticks, logger);
    this.#fruitless = ticks.length > 0 ? 0 : this.#fruitless + 1;
  };

  async #send(
    operation: RunnerOperation & ("tick" | "declare"),
    work: (options: { readonly signal: AbortSignal }) => Promise<void>,
  ): Promise<void> {
    const { errors, leaseMs, now, onRefused } = this.#options;
    try {
      await answerWithin(operation, leaseMs / 2, (signal) => work({ signal }));
      errors.answered(operation);
      this.#failures = 0;
    } catch (error) {
      errors.failed(operation, error);
      if (operation === "declare" && (isPqrunError(error, "invalid-input") || waitingIsFutile(error))) {
        onRefused(error);
      } else {
        this.#failures += 1;
        this.#nextAt = now() + Math.min(1_000 * 2 ** (this.#failures - 1), ASK_MS);
        return;
      }
    }
    if (operation === "declare") this.#declare = undefined;
    this.#askAt = -Infinity;
  }
}
