import { PGlite } from "@electric-sql/pglite";
import { neon, neonConfig } from "@neondatabase/serverless";
import postgres from "postgres";
import { expect, onTestFinished, test } from "vitest";

import { neonExecutor } from "../../src/adapters/neon.ts";
import { pgExecutor } from "../../src/adapters/pg.ts";
import { pgliteExecutor } from "../../src/adapters/pglite.ts";
import { postgresExecutor } from "../../src/adapters/postgres.ts";
import { migrate } from "../../src/cli/migrate.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain-once.ts";
import type { JobEvent } from "../../src/runners/job-event.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import { testPool } from "../support/pool.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();

/** What `setval` is given, and by which name a failure is told. */
const BEGINNINGS = [
  ["2^31", 2n ** 31n],
  ["2^53 + 1", 2n ** 53n + 1n],
  ["2^63 - 10", 2n ** 63n - 10n],
] as const;

const DRIVERS: Record<string, () => Promise<SqlExecutor>> = {
  pg: () => {
    const pool = testPool(queue.url, { max: 2 });
    onTestFinished(() => pool.end());
    return Promise.resolve(pgExecutor(pool));
  },
  "postgres.js": () => {
    const sql = postgres(queue.url, { max: 2, onnotice: () => undefined });
    onTestFinished(() => sql.end({ timeout: 0 }));
    return Promise.resolve(postgresExecutor(sql));
  },
  "Neon's HTTP": async () => {
    const standIn = await neonStandIn();
    onTestFinished(() => standIn[Symbol.asyncDispose]());
    neonConfig.fetchEndpoint = standIn.fetchEndpoint;
    return neonExecutor(neon(queue.url));
  },
  PGlite: async () => {
    const pglite = await PGlite.create();
    onTestFinished(() => pglite.close());
    const executor = pgliteExecutor(pglite);
    await migrate(executor);
    return executor;
  },
};

test.for(Object.keys(DRIVERS))(
  "34: ids beyond 2^31, 2^53 and up to 2^63 come through every operation of %s",
  { timeout: 90_000 },
  async (name) => {
    const executor = await DRIVERS[name]?.();
    if (executor === undefined) throw new Error("no such driver");
    const store = new PgJobStore(executor);
    for (const [beginning, number] of BEGINNINGS) {
      await executor.query("DELETE FROM public.jobs");
      await executor.query("SELECT setval('public.jobs_id_seq', $1::text::bigint, false)::text AS a", [
        String(number),
      ]);
      const ids = [0n, 1n, 2n, 3n, 4n, 5n].map((n) => String(number + n));
      const [first = "", second = "", third = "", , fifth = ""] = ids;
      expect(
        (await store.enqueueMany(ids.map(() => ({ type: "a", payload: {} })))).map(({ id }) => id),
        beginning,
      ).toEqual(ids);
      const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 3 }) });
      expect(jobs.map(({ id }) => id)).toEqual(ids.slice(0, 3));
      const [done, failed, extended] = jobs;
      if (done === undefined || failed === undefined || extended === undefined) throw new Error("too few");
      const { settlements } = await store.turn({
        settlements: [
          { job: done, durationMs: 1, outcome: "done", resultText: null },
          { job: failed, durationMs: 1, outcome: "fail", error: "x" },
        ],
      });
      expect(settlements).toMatchObject([
        { id: first, verdict: "settled", status: "DONE" },
        { id: second, verdict: "settled", status: "FAILED" },
      ]);
      expect(await store.extend([extended], 0)).toMatchObject([{ id: third, verdict: "extended" }]);
      expect(await store.turn({ reap: { staleTimeoutSeconds: 1 }, running: [third] })).toMatchObject({
        reaped: [],
      });
      expect(await store.reapStale()).toMatchObject([{ id: third, status: "READY" }]);
      expect(await store.retry(second)).toEqual({ retried: true, status: "READY" });
      expect(await store.cancel(fifth)).toEqual({ cancelled: true, status: "CANCELLED" });
      expect(await store.get(fifth)).toMatchObject({ id: fifth, status: "CANCELLED" });
      expect((await store.list()).map(({ id }) => id)).toEqual(ids.toReversed());
      expect((await store.list({ beforeId: third })).map(({ id }) => id)).toEqual([second, first]);
      const events: JobEvent[] = [];
      await drainOnce({
        store,
        handlers: { a: () => undefined },
        budgetMs: 20_000,
        onEvent: (event) => void events.push(event),
      });
      const ended = events.filter(({ event }) => event === "done").map(({ id }) => id);
      expect(ended.toSorted()).toEqual(ids.filter((id) => id !== first && id !== fifth).toSorted());
    }
  },
);
