import { quoteName } from "../../core/sql/table-names.ts";
import { sqlState } from "../../core/sql/sql-state.ts";
import type { PgClient, PgNotification, PgPool } from "./pg-driver.ts";
import { lend } from "./checked-out-client.ts";
import type { PgSession } from "./pg-session.ts";
import { sharedListen, statementSession } from "../shared/shared-listen.ts";
import type { Listen, ListeningSession, SessionEvents } from "../shared/shared-listen.ts";

/** Nothing need pass for as long as it likes: so the network is asked whether the connection is still there. */
const KEEP_ALIVE_MS = 60_000;

/** LISTENs on one client that the pool lends for as long as anybody listens. */
export function listenOnPool(pool: PgPool): Listen {
  return sharedListen(pool, (events) => borrowed(pool, events));
}

async function borrowed(pool: PgPool, { onNotify, onLost }: SessionEvents): Promise<ListeningSession> {
  const lent = await lend(pool);
  const { client } = lent;
  let open = true;
  const stopHearing = hear(client, onNotify);
  // Given back, it would go on listening.
  const close = (): void => {
    if (!open) return;
    open = false;
    stopHearing();
    lent.destroy();
  };
  const lost = (clean: boolean): void => {
    if (!open) return;
    close();
    if (pool.ending !== true) onLost(clean);
  };
  client.on("error", (error) => {
    lost(endedInOrder(error));
  });
  client.on("end", () => {
    lost(true);
  });
  keepAlive(client);
  const send = (command: string, channel: string): Promise<unknown> =>
    client.query({ text: `${command} ${quoteName(channel)}` });
  return {
    listen: (channel) => send("LISTEN", channel),
    // Not waited for: the connection may be silent.
    unlisten: (channel) => {
      send("UNLISTEN", channel).catch(() => undefined);
      return Promise.resolve();
    },
    close: () => {
      close();
      return Promise.resolve();
    },
    abandon: close,
  };
}

/** A server that goes to sleep, or restarts, says so or just closes; what breaks has the system's code. */
function endedInOrder(error: Error): boolean {
  const state = sqlState(error);
  return state === undefined ? !("code" in error) : state === "57P01" || state === "57P05";
}

/** Of a socket, where the driver's client has one to be reached. */
function keepAlive(client: object): void {
  const { connection } = client as {
    readonly connection?: {
      readonly stream?: { readonly setKeepAlive?: (on: boolean, ms: number) => unknown };
    };
  };
  connection?.stream?.setKeepAlive?.(true, KEEP_ALIVE_MS);
}

/** LISTENs on a client of the caller's. */
export function listenOnClient(client: PgClient, session: PgSession): Listen {
  return sharedListen(client, async ({ onNotify }) => {
    await refusePooled(client, session);
    return statementSession((text) => session.command(text), hear(client, onNotify));
  });
}

/**
 * A pooler lends the client the session that listens for each of its own statements, with which it hears what
 * it sends itself: a probe of whether LISTEN works is misled. But a pooler tells a process of its own making.
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
