import { RECONNECTED } from "../core/executor.ts";
import { quoteName } from "../core/identifiers.ts";
import type { PgClient, PgNotification, PgPool } from "./pg-driver.ts";
import { lend } from "./pg-lend.ts";
import type { PgSession } from "./pg-session.ts";
import { sharedListen } from "./shared-listen.ts";
import type { OnNotify, Unlisten } from "./shared-listen.ts";

const RECONNECT_MS = 1_000;

/**
 * LISTENs on a client that the pool lends for as long. When its connection is
 * lost, another is taken, each second until it works, and `RECONNECTED`
 * tells that messages may have been missed.
 */
export async function listenOnPool(pool: PgPool, channel: string, onNotify: OnNotify): Promise<Unlisten> {
  let stopped = false;
  let timer: ReturnType<typeof setTimeout> | undefined;
  const reconnected = (closeAgain: () => void): void => {
    close = closeAgain;
    if (stopped) close();
    else onNotify(RECONNECTED);
  };
  const lost = (): void => {
    if (stopped || pool.ending === true) return;
    timer = setTimeout(() => {
      // A failure is a loss again: there is nobody else to tell, and a worker polls meanwhile.
      void open(pool, channel, onNotify, lost).then(reconnected, lost);
    }, RECONNECT_MS);
  };
  let close = await open(pool, channel, onNotify, lost);
  return () => {
    stopped = true;
    clearTimeout(timer);
    close();
    return Promise.resolve();
  };
}

/** @returns what closes the connection: given back, it would go on listening. */
async function open(
  pool: PgPool,
  channel: string,
  onNotify: OnNotify,
  onLost: () => void,
): Promise<() => void> {
  const lent = await lend(pool);
  const { client } = lent;
  let phase: "opening" | "open" | "closed" = "opening";
  const stopHearing = hear(client, (name, payload) => {
    if (name === channel) onNotify(payload);
  });
  const close = (): void => {
    if (phase === "closed") return;
    phase = "closed";
    stopHearing();
    lent.destroy();
  };
  const lost = (): void => {
    const wasOpen = phase === "open";
    close();
    if (wasOpen) onLost();
  };
  client.on("error", lost);
  client.on("end", lost);
  try {
    await client.query({ text: `LISTEN ${quoteName(channel)}` });
    phase = "open";
  } catch (error) {
    close();
    throw error;
  }
  return close;
}

/** LISTENs on a client of the caller's. */
export function listenOnClient(
  client: PgClient,
  session: PgSession,
): (channel: string, onNotify: OnNotify) => Promise<Unlisten> {
  const listen = sharedListen({
    send: (text) => session.command(text),
    hear: (heard) => hear(client, heard),
  });
  return async (channel, onNotify) => {
    await refusePooled(client, session);
    return listen(channel, onNotify);
  };
}

/**
 * A pooler lends the client the session that listens for each of its own statements, with which it hears what
 * it sends itself: whoever probes whether LISTEN works is misled. But a pooler tells a process of its own making.
 */
async function refusePooled(client: PgClient, session: PgSession): Promise<void> {
  const told = client.processID;
  if (typeof told !== "number") return;
  const [row] = await session.query("SELECT pg_catalog.pg_backend_pid()::text AS pid");
  if (row?.["pid"] !== String(told)) throw new Error("LISTEN needs a session, and the client has a pooler's");
}

function hear(client: PgClient, heard: (channel: string, payload: string) => void): () => void {
  const listener = ({ channel, payload }: PgNotification): void => heard(channel, payload ?? "");
  client.on("notification", listener);
  return () => void client.removeListener("notification", listener);
}
