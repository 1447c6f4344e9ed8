import { quoteName } from "../core/identifiers.ts";

/** Hears what is sent to one channel. */
export type OnNotify = (payload: string) => void;
/** Ends a LISTEN. */
export type Unlisten = () => Promise<void>;

/** One session that several listeners share: the last to leave a channel does UNLISTEN. */
export interface ListeningSession {
  /** Runs a statement on the session. */
  send(text: string): Promise<unknown>;
  /** Hears all channels until the returned function is called. */
  hear(heard: (channel: string, payload: string) => void): () => void;
}

/** LISTENs on a session of the caller's. */
export function sharedListen(
  session: ListeningSession,
): (channel: string, onNotify: OnNotify) => Promise<Unlisten> {
  const counts = new Map<string, number>();
  const count = (channel: string, change: number): number => {
    const sum = (counts.get(channel) ?? 0) + change;
    counts.set(channel, sum);
    return sum;
  };
  return async (channel, onNotify) => {
    const stopHearing = session.hear((name, payload) => {
      if (name === channel) onNotify(payload);
    });
    let stopped = false;
    const unlisten = async (): Promise<void> => {
      if (stopped) return;
      stopped = true;
      stopHearing();
      if (count(channel, -1) === 0) await session.send(`UNLISTEN ${quoteName(channel)}`);
    };
    count(channel, 1);
    try {
      await session.send(`LISTEN ${quoteName(channel)}`);
    } catch (error) {
      stopped = true;
      stopHearing();
      count(channel, -1);
      throw error;
    }
    return unlisten;
  };
}
