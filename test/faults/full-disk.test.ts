import { randomBytes } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { expect, test } from "vitest";

import { isPqrunError } from "../../src/core/errors.ts";
import { silentLogger } from "../../src/core/logger.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import { FAULT_DRIVERS, faultClients } from "../support/fault-clients.ts";
import { Gate } from "../support/handlers.ts";
import { migratedServer } from "../support/killed-server.ts";
import { withClient } from "../support/postgres.ts";
import { canMount, smallDisk } from "../support/small-disk.ts";

const WAIT = { timeout: 100_000, interval: 50 };
const RESULT = 200_000;
const LONG = "x".repeat(8_000);

if (canMount()) {
  test.each(FAULT_DRIVERS)(
    "27: over %s, on a full disk an enqueue says 53100 and has written nothing, and what has ended is settled once there is space",
    fill,
  );
} else {
  // A disk that can be filled is a mount of its own, which an unprivileged user, or a container without the right, can't make.
  const reason = "it takes root and mount -t tmpfs";
  console.log(`27: a full disk: not tested here: ${reason}`);
  test.skip(`27: a full disk: ${reason}`);
}

async function fill(driver: (typeof FAULT_DRIVERS)[number]): Promise<void> {
  await using server = await migratedServer();
  using disk = smallDisk(16);
  const { folder } = disk;
  // Beside the tablespace's own folder, which PostgreSQL keeps.
  const ballast = join(folder, "ballast");
  await withClient(server.url, async (client) => {
    await client.query(`CREATE TABLESPACE small LOCATION '${folder}'`);
    await client.query("ALTER TABLE jobs SET TABLESPACE small");
  });
  const client = faultClients[driver](server.url, 4);
  const store = new PgJobStore(client.executor);
  const gate = new Gate();
  const starts: string[] = [];
  const failures: unknown[] = [];
  const worker = new Worker({
    concurrency: 10,
    store,
    env: {},
    handlers: {
      a: async ({ job }) => {
        starts.push(job.id);
        await gate.opened;
        return { text: noise(RESULT) };
      },
    },
    logger: { ...silentLogger, warn: (_, fields) => void failures.push(fields?.["error"]) },
  }).start();
  try {
    const running = await store.enqueueMany(Array.from({ length: 8 }, () => ({ type: "a", payload: {} })));
    await expect.poll(() => starts.length, WAIT).toBe(8);
    const written = await untilFull(store, ballast);
    const filled = { "a RUNNING": 8, ...(written > 0 && { "b READY": written }) };
    // Their results do not fit either.
    gate.open();
    await expect.poll(() => failures.length, WAIT).toBeGreaterThan(2);
    expect(failures.join()).toContain("No space left");
    expect(await rowsByType(server.url)).toEqual(filled);
    await expect(store.enqueue("b", { noise: noise(8_000) })).rejects.toSatisfy(isFull);
    expect(worker.counts.done).toBe(0);
    rmSync(ballast);
    await expect.poll(() => worker.counts.done, WAIT).toBe(8);
    expect(await store.enqueue("b", { text: LONG })).toMatchObject({ created: true });
    expect(await rowsByType(server.url)).toEqual({ "a DONE": 8, "b READY": written + 1 });
    expect(await resultLengths(server.url)).toEqual([RESULT]);
    expect(starts.sort()).toEqual(running.map(({ id }) => id).sort());
  } finally {
    gate.open();
    await worker.stop({ graceMs: 0 });
    await client.end();
    await withClient(server.url, async (owner) => {
      await owner.query("DROP TABLE jobs");
      await owner.query("DROP TABLESPACE small");
    });
  }
}

/** Fills the disk, then the table's last pages. @returns how many jobs were acknowledged on the way */
async function untilFull(store: PgJobStore, ballast: string): Promise<number> {
  try {
    writeFileSync(ballast, Buffer.alloc(64 * 1024 * 1024));
  } catch {
    // Full: as wanted.
  }
  for (let written = 0; ; written += 1) {
    try {
      await store.enqueue("b", { noise: noise(8_000) });
    } catch (error) {
      expect(error).toSatisfy(isFull);
      return written;
    }
  }
}

/** 53100, and told as certain. */
function isFull(error: unknown): boolean {
  return sqlState(error) === "53100" && !isPqrunError(error, "unknown-outcome");
}

/** What PostgreSQL can't compress. */
function noise(length: number): string {
  return randomBytes(length).toString("base64").slice(0, length);
}

async function rowsByType(url: string): Promise<Record<string, number>> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ state: string; n: number }>(
      "SELECT job_type || ' ' || status AS state, count(*)::int AS n FROM jobs GROUP BY 1",
    );
    return Object.fromEntries(rows.map(({ state, n }) => [state, n]));
  });
}

async function resultLengths(url: string): Promise<number[]> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ n: number }>(
      "SELECT DISTINCT length(result->>'text') AS n FROM jobs WHERE job_type = 'a'",
    );
    return rows.map(({ n }) => n);
  });
}
