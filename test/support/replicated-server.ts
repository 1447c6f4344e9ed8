import { execFile } from "node:child_process";
import { appendFileSync, chmodSync, chownSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { promisify } from "node:util";

import { crashablePostgres, serving, type CrashableServer } from "./crashable-postgres.ts";
import type { Cluster, PostgresBinaries } from "./postgres-embedded.ts";
import { withClient } from "./postgres.ts";
import { isRoot, NOBODY, unprivileged } from "./server-process.ts";
import { openTcpProxy } from "./tcp-proxy.ts";

/** A primary with one synchronous replica, behind one address. */
export interface ReplicatedServer extends AsyncDisposable {
  /** Of whoever is, or is to be, the primary. */
  readonly url: string;
  /** Of the replica itself. */
  readonly replicaUrl: string;
  /**
   * Ends the primary, promotes its replica and gives that a replica of its own.
   *
   * @param beforePromotion awaited while the address leads to the replica, which is read-only
   * @param onPromoted called once the new primary takes writes
   */
  failOver(
    how: "kill" | "shutDown",
    beforePromotion: () => Promise<void>,
    onPromoted: () => void,
  ): Promise<void>;
}

/** Starts both. The programs have to be a whole installation's, with pg_basebackup. */
export async function replicatedServer(binaries: PostgresBinaries): Promise<ReplicatedServer> {
  let primary = await crashablePostgres({}, binaries);
  let replica: CrashableServer;
  try {
    replica = await replicaOf(primary);
  } catch (error) {
    await primary[Symbol.asyncDispose]();
    throw error;
  }
  let target = primary;
  const proxy = await openTcpProxy({
    host: "127.0.0.1",
    get port() {
      return target.port;
    },
  });
  const url = new URL(primary.url);
  url.port = String(proxy.port);
  return {
    url: url.href,
    get replicaUrl() {
      return replica.url;
    },
    failOver: async (how, beforePromotion, onPromoted) => {
      const old = primary;
      await old[how]();
      target = replica;
      await beforePromotion();
      await withClient(replica.url, (client) => client.query("SELECT pg_promote(true, 60)"));
      onPromoted();
      primary = replica;
      await old[Symbol.asyncDispose]();
      replica = await replicaOf(primary);
    },
    [Symbol.asyncDispose]: async () => {
      await proxy.close();
      await replica[Symbol.asyncDispose]();
      await primary[Symbol.asyncDispose]();
    },
  };
}

/** Resolves once it has all that the primary has acknowledged, and the primary acknowledges nothing without it. */
async function replicaOf(primary: CrashableServer): Promise<CrashableServer> {
  const replica = await serving(await baseBackup(primary));
  try {
    await withClient(primary.url, async (client) => {
      await client.query("ALTER SYSTEM SET synchronous_standby_names = '*'");
      await client.query("SELECT pg_reload_conf()");
      const inStep = `SELECT FROM pg_stat_replication
        WHERE sync_state = 'sync' AND state = 'streaming' AND flush_lsn >= $1::pg_lsn`;
      const wal = await client.query<{ lsn: string }>("SELECT pg_current_wal_lsn()::text AS lsn");
      while ((await client.query(inStep, [wal.rows[0]?.lsn])).rowCount === 0) await sleep(20);
    });
    return replica;
  } catch (error) {
    await replica[Symbol.asyncDispose]();
    throw error;
  }
}

async function baseBackup({ url, cluster }: CrashableServer): Promise<Cluster> {
  const folder = mkdtempSync(join(tmpdir(), "pqrun-replica-"));
  const remove = (): void => {
    rmSync(folder, { recursive: true, force: true });
  };
  try {
    chmodSync(folder, 0o755);
    if (isRoot) chownSync(folder, NOBODY, NOBODY);
    const data = join(folder, "data");
    await promisify(execFile)(
      join(dirname(cluster.postgres), "pg_basebackup"),
      [`--dbname=${url}`, `--pgdata=${data}`, ...["--write-recovery-conf", "--checkpoint=fast", "--no-sync"]],
      { ...unprivileged, cwd: folder },
    );
    // Promoted, it is alone for a while.
    appendFileSync(join(data, "postgresql.auto.conf"), "synchronous_standby_names = ''\n");
    return { ...cluster, data, remove };
  } catch (error) {
    remove();
    throw error;
  }
}
