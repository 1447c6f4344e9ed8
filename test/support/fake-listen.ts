import type { ListenCallbacks, Listening } from "../../src/core/executor.ts";
import type { Logger } from "../../src/core/logger.ts";

/** A LISTEN of which a test decides what it hears, and how it ends. */
export class FakeListen {
  callbacks: ListenCallbacks | undefined;
  /** How often a session was asked for. */
  opened = 0;
  /** Whether none can be had. */
  away = false;

  readonly listen = (_channel: string, callbacks: ListenCallbacks): Promise<Listening> => {
    this.callbacks = callbacks;
    const open = (): Promise<void> => {
      this.opened += 1;
      return this.away ? Promise.reject(new Error("no session")) : Promise.resolve();
    };
    const reopen = async (): Promise<void> => {
      await open();
      callbacks.onReopened();
    };
    return open().then(() => ({ reopen, stop: () => Promise.resolve() }));
  };
}

/** Keeps the warnings, and what is good news; not that a worker has started. */
export function saying(): { readonly said: string[]; readonly logger: Logger } {
  const said: string[] = [];
  const note = (message: string): void => {
    if (message !== "worker started") said.push(message);
  };
  return { said, logger: { debug: () => undefined, info: note, warn: note, error: note } };
}
