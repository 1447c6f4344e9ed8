import { sharedListen } from "../shared/shared-listen.ts";
import type { Listen, ListeningSession, SessionEvents } from "../shared/shared-listen.ts";

/** What pqrun calls of postgres.js to LISTEN. */
export interface PostgresListener {
  readonly listen: (
    channel: string,
    onNotify: (payload: string) => void,
    onListen: () => void,
  ) => Promise<{ unlisten(): Promise<unknown> }>;
}

/** LISTENs on the one connection that the driver opens for that, beside its pool. */
export function listenWithPostgres(sql: PostgresListener): Listen {
  return sharedListen(sql, (events) => Promise.resolve(listening(sql, events)));
}

/** The driver opens its connection anew by itself, where it learns that it was lost. */
function listening(sql: PostgresListener, { onNotify, onReopened }: SessionEvents): ListeningSession {
  const stops = new Map<string, () => void>();
  const stop = (channel: string): Promise<void> => {
    stops.get(channel)?.();
    stops.delete(channel);
    return Promise.resolve();
  };
  const close = (): Promise<void> => {
    for (const channel of stops.keys()) void stop(channel);
    return Promise.resolve();
  };
  return {
    listen: async (channel) => {
      let state: "opening" | "open" | "stopped" = "opening";
      const subscribing = sql.listen(
        channel,
        (payload) => {
          if (state !== "stopped") onNotify(channel, payload);
        },
        () => {
          // Called again after a reconnect: something may have been missed.
          if (state === "open") onReopened();
          if (state === "opening") state = "open";
        },
      );
      stops.set(channel, () => {
        // After a reconnect the driver's own `unlisten` does nothing, and without a server it waits for one.
        state = "stopped";
        subscribing.then((subscription) => subscription.unlisten()).catch(() => undefined);
      });
      try {
        await subscribing;
      } catch (error) {
        // The driver keeps a subscription that failed, and may yet open it; its caller will ask for another.
        void stop(channel);
        throw error;
      }
    },
    unlisten: stop,
    close,
    abandon: () => {
      void close();
      replaceSession(sql);
    },
  };
}

/** What the driver keeps at its `listen`, for itself: the client of one connection that listens. */
interface DriversListen {
  sql?:
    | { readonly options?: { readonly onclose?: () => void }; end?(options: object): Promise<unknown> }
    | undefined;
}

/**
 * The driver does not let go of a connection that has gone silent: whatever is asked of it waits there, UNLISTEN too.
 * So it is made to forget it, and to do what it does where one is lost; should another release keep it elsewhere,
 * the worker goes on polling.
 */
function replaceSession({ listen }: PostgresListener): void {
  const kept = listen as DriversListen;
  const silent = kept.sql;
  if (silent?.options?.onclose === undefined) return;
  kept.sql = undefined;
  silent.options.onclose();
  silent.end?.({ timeout: 0 }).catch(() => undefined);
}
