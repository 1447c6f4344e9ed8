import {
  clusterUrl,
  createCluster,
  importedBinaries,
  startCluster,
  type Cluster,
  type PostgresBinaries,
  type PostgresSettings,
} from "./postgres-embedded.ts";
import { freePort, type ServerProcess } from "./server-process.ts";

/** A server that a test may kill and start again: the same data, the same port. */
export interface CrashableServer extends AsyncDisposable {
  readonly url: string;
  readonly port: number;
  readonly cluster: Cluster;
  /** Kills the postmaster with SIGKILL; resolves once its orphans are gone. */
  kill(): Promise<void>;
  /** Ends it as an operator does. */
  shutDown(): Promise<void>;
  /** Starts it again; resolves once it accepts connections. */
  start(): Promise<void>;
}

/** Starts one on a free port. What it keeps survives kill -9, since the page cache does. */
export async function crashablePostgres(
  settings: PostgresSettings = {},
  binaries?: PostgresBinaries,
): Promise<CrashableServer> {
  return await serving(await createCluster(binaries ?? (await importedBinaries())), settings);
}

/** Serves a cluster that is there already; disposing removes it. */
export async function serving(cluster: Cluster, settings: PostgresSettings = {}): Promise<CrashableServer> {
  const port = await freePort();
  const start = (): Promise<ServerProcess> => startCluster(cluster, { ...settings, port: String(port) });
  let server: ServerProcess | undefined;
  const end = async (how: "stop" | "kill"): Promise<void> => {
    const ending = server;
    server = undefined;
    await ending?.[how]();
  };
  try {
    server = await start();
  } catch (error) {
    cluster.remove();
    throw error;
  }
  return {
    url: clusterUrl(cluster, port),
    port,
    cluster,
    kill: () => end("kill"),
    shutDown: () => end("stop"),
    start: async () => {
      server = await start();
    },
    [Symbol.asyncDispose]: async () => {
      await end("stop");
      cluster.remove();
    },
  };
}
