/**
 * How long work takes, less what a busy machine kept it waiting. A promise of so many milliseconds can't be held against
 * a wall clock beside other load: what this process's timers and the server's least answers are late by meanwhile is
 * nobody's doing, and is taken off. On a machine that has nothing else to do that is nothing.
 */
import type { TestQueue } from "./queue.ts";

const PULSE_MS = 10;
/** What a pulse, and an answer of the server's, may take on a machine that is not busy. */
const USUAL_MS = 5;

/** What work resolved with, and how long it took of the time that the machine gave. */
export interface Timed<T> {
  readonly answer: T;
  readonly tookMs: number;
  /** And how long it was kept waiting. */
  readonly lostMs: number;
}

/** Times `work` in this process, with the queue's server. */
export async function timed<T>(queue: Pick<TestQueue, "rows">, work: () => Promise<T>): Promise<Timed<T>> {
  const machine = new MachineTime(queue);
  try {
    const answer = await work();
    const { elapsedMs: tookMs, lostMs } = machine;
    return { answer, tookMs, lostMs };
  } finally {
    await machine.stop();
  }
}

/** A clock that stands still while the machine does something else. */
export class MachineTime {
  readonly #startedAt = performance.now();
  #lostMs = 0;
  #pulseAt = this.#startedAt;
  #askedAt: number | undefined;
  #stopped = false;
  readonly #timer: NodeJS.Timeout;
  readonly #asking: Promise<void>;

  constructor(queue: Pick<TestQueue, "rows">) {
    this.#timer = setInterval(() => {
      const now = performance.now();
      this.#lose(now - this.#pulseAt - PULSE_MS);
      this.#pulseAt = now;
    }, PULSE_MS);
    this.#asking = this.#ask(queue);
  }

  /** Milliseconds since it was made. */
  get elapsedMs(): number {
    return performance.now() - this.#startedAt - this.lostMs;
  }

  /** Milliseconds that the machine has not given since then. */
  get lostMs(): number {
    const now = performance.now();
    // A pulse and an answer may be late just now.
    const pulse = Math.max(0, now - this.#pulseAt - PULSE_MS - USUAL_MS);
    const answer = this.#askedAt === undefined ? 0 : Math.max(0, now - this.#askedAt - USUAL_MS);
    return this.#lostMs + pulse + answer;
  }

  async stop(): Promise<void> {
    this.#stopped = true;
    clearInterval(this.#timer);
    await this.#asking;
  }

  async #ask(queue: Pick<TestQueue, "rows">): Promise<void> {
    while (!this.#stopped) {
      this.#askedAt = performance.now();
      // A server that the test takes away is the test's doing.
      await queue.rows("SELECT 1").catch(() => undefined);
      this.#lose(performance.now() - this.#askedAt);
      this.#askedAt = undefined;
      await new Promise((resolve) => setTimeout(resolve, 2 * PULSE_MS));
    }
  }

  #lose(ms: number): void {
    if (ms > USUAL_MS) this.#lostMs += ms - USUAL_MS;
  }
}
