import { constants } from "node:os";

import { checkOptions } from "../core/values/known-options.ts";

/** The longest that a timer can wait, in milliseconds. */
const MAX_TIMER_MS = 2_147_483_647;

/** A `Worker`, as far as signals go. */
export interface StartsAndStops {
  start(): unknown;
  stop(options?: { readonly graceMs?: number }): Promise<void>;
}

/** A signal that asks a process to end. Named here, so that the declarations need none of Node's types. */
export type EndSignal = "SIGTERM" | "SIGINT" | "SIGHUP" | "SIGQUIT" | "SIGBREAK" | "SIGUSR1" | "SIGUSR2";

/** Options of {@link runUntilSignal}. */
export interface SignalOptions {
  /** @default SIGTERM and SIGINT */
  readonly signals?: readonly EndSignal[] | undefined;
  /**
   * Called at the first signal, while the worker stops: closes the HTTP server,
   * for instance. It is waited for.
   */
  readonly onSignal?: ((signal: EndSignal) => void | Promise<void>) | undefined;
}

const OPTIONS = { signals: true, onSignal: true } as const satisfies Record<keyof SignalOptions, true>;

/**
 * Runs a worker until a signal asks the process to end: the life of a container in
 * one line. The first signal stops it gracefully; a second one aborts its
 * handlers at once, and the process will exit with 128 and the signal's number;
 * a third one kills, as if nobody listened.
 *
 * ```ts
 * await runUntilSignal(worker, { onSignal: () => server.close() });
 * await pool.end();
 * ```
 *
 * @returns the first signal, once everything has stopped. What failed on the way is thrown then.
 */
export async function runUntilSignal(
  worker: StartsAndStops,
  options: SignalOptions = {},
): Promise<EndSignal> {
  checkOptions(options, OPTIONS);
  const { signals = ["SIGTERM", "SIGINT"], onSignal } = options;
  const unlisten = (): void => {
    for (const name of signals) process.off(name, listener);
  };
  let first: ((signal: EndSignal) => void) | undefined;
  const listener = (signal: EndSignal): void => {
    if (first !== undefined) {
      first(signal);
      first = undefined;
      return;
    }
    unlisten();
    process.exitCode = 128 + constants.signals[signal];
    // Its failure is that of the first stop, which is waited for.
    worker.stop({ graceMs: 0 }).catch(() => undefined);
  };
  const told = new Promise<EndSignal>((resolve) => {
    first = resolve;
  });
  for (const name of signals) process.on(name, listener);
  // Where the worker is not enabled nothing else may keep the process, and Node would end it with 13.
  const keepAlive = setInterval(() => undefined, MAX_TIMER_MS);
  try {
    worker.start();
    const signal = await told;
    // Each is waited for, even where the other failed.
    const ends = await Promise.allSettled([worker.stop(), Promise.resolve(signal).then(onSignal)]);
    for (const end of ends) if (end.status === "rejected") throw end.reason;
    return signal;
  } finally {
    clearInterval(keepAlive);
    unlisten();
  }
}
