import { expect } from "vitest";

import type { SqlExecutor } from "../../src/core/executor.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { JobEvent } from "../../src/runners/job/job-event.ts";
import { pickUpOf } from "./queue.ts";

/** What `setval` is given, and by which name a failure is told. */
const BEGINNINGS = [
  ["2^31", 2n ** 31n],
  ["2^53 + 1", 2n ** 53n + 1n],
  ["2^63 - 10", 2n ** 63n - 10n],
] as const;

/** Takes ids of each kind through every operation. @throws where one comes out as another */
export async function greatIdsThrough(executor: SqlExecutor): Promise<void> {
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
    await executor.query(
      "UPDATE public.jobs SET lease_expires_at = now() - interval '1 second' WHERE id = $1::text::bigint",
      [third],
    );
    expect(await store.turn({ reap: { defaultTimeoutSeconds: 1 }, running: [third] })).toMatchObject({
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
}
