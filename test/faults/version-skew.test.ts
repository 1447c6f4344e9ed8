import { readFileSync } from "node:fs";

import { expect, test } from "vitest";

import type { SqlExecutor, SqlRow } from "../../src/core/executor.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import { arrayOf } from "../support/array-text.ts";
import { jobsByStatus } from "../support/job-rows.ts";
import { pooledStore } from "../support/pooled-store.ts";
import { testQueue } from "../support/queue.ts";
import { startWorker, type TestWorker } from "../support/test-worker.ts";
import { splitParams } from "../support/wire.ts";

const queue = await testQueue();

/** The turn as the first release sends it: a fleet is never upgraded in one moment. */
const OLD_TURN = readFileSync(new URL("../support/fixtures/turn-0.1.0.sql", import.meta.url), "utf8");
const NEW_TURNS = (["whole", "pick-up", "settling"] as const).map((scope) => turnText(tableNames(), scope));

/**
 * Its parameters: settlements and ids as lists of JSON, the types' names as a list of texts, and nothing after the
 * probe. It knew no lanes and no fast pick-up.
 */
function oldParams(params: readonly unknown[]): readonly unknown[] {
  const { pickUp, keeping, settling } = splitParams(params);
  const [ids = [], ...columns] = settling.map(arrayOf);
  const holders = columns.pop() ?? [];
  const settlements = ids.map((id, n) => {
    const [attempts, holder, outcome, duration, result, error, wait, due] = columns.map(
      (column) => column[n],
    );
    return {
      i: id,
      a: Number(attempts ?? 1),
      l: holders[Number(holder ?? 1) - 1],
      o: outcome ?? "done",
      d: duration,
      r: typeof result === "string" ? (JSON.parse(result) as unknown) : null,
      e: error,
      w: wait,
      t: due,
    };
  });
  const types = (
    JSON.parse(typeof pickUp[0] === "string" ? pickUp[0] : "[]") as { readonly t: string }[]
  ).map(({ t }) => t);
  const [
    ,
    slots = "0",
    buffer = "0",
    bytes = "0",
    lockedBy = null,
    leaseMs = "0",
    timeout = null,
    marginMs = "0",
  ] = pickUp;
  const [reapLimit = "0", stale = "0", running = "{}", worker = null, guardMs = "0", probe = null] = keeping;
  return [
    ...[
      JSON.stringify(settlements),
      JSON.stringify(types),
      slots,
      buffer,
      bytes,
      lockedBy,
      leaseMs,
      timeout,
      marginMs,
    ],
    ...[reapLimit, stale, JSON.stringify(arrayOf(running)), worker, guardMs, probe],
  ];
}

/** Its answer as today's: it named those that run, and told of each what it was before. */
function newRows(rows: readonly SqlRow[]): readonly SqlRow[] {
  const table = rows.map((row) => Object.values(row) as (string | null)[]);
  const running = new Set(table.find(([kind]) => kind === "turn")?.[1]?.split(","));
  return table
    .map(([kind, a, b, c, d, ...rest]) => {
      if (kind === "turn") return [kind, b, c, d, ...rest, null];
      if (kind !== "job") return [kind, a, b, c, d, ...rest];
      const runs = running.has(a ?? "");
      return [runs ? "job" : "exhausted", a, b, c, String(Number(d) + (runs ? 1 : 0)), ...rest];
    })
    .map((cells) => Object.fromEntries(cells.map((cell, n) => [`column${n}`, cell])));
}

/** Sends what the first release would have sent in the place of today's turn. */
function asOfOld<Tx>(sent: { turns: number }) {
  return (executor: SqlExecutor<Tx>): SqlExecutor<Tx> => ({
    ...executor,
    query: async (text, params = [], options) => {
      if (!NEW_TURNS.includes(text)) return await executor.query(text, params, options);
      sent.turns += 1;
      return newRows(await executor.query(OLD_TURN, oldParams(params), options));
    },
  });
}

const ended = async (worker: TestWorker, other: TestWorker, count: number): Promise<void> => {
  while (worker.worker.counts.done + other.worker.counts.done < count) {
    await Promise.race([
      worker.log.until("done", worker.log.of("done").length + 1),
      other.log.until("done", other.log.of("done").length + 1),
      queue.rows("SELECT pg_sleep(0.02)"),
    ]);
  }
};

test("old and new workers on one table: each job runs once, nothing is lost, and each runs the types that it knows", async () => {
  const sent = { turns: 0 };
  const ran: string[] = [];
  const run =
    (who: string) =>
    ({ job }: { job: { id: string; type: string } }): void => {
      ran.push(`${who} ${job.type} ${job.id}`);
    };
  const idlePoll = { delayMs: () => 20 };
  const types = ["shared", "shared", "old", "new", "nobody's"];
  const all = Array.from({ length: 2_000 }, (_, n) => ({
    type: types[n % 5] ?? "",
    payload: { n },
    priority: n % 3,
  }));
  await queue.store.enqueueMany(all.slice(0, 1_000));
  await using old = startWorker(queue, {
    idlePoll,
    handlers: { shared: run("old"), old: run("old") },
    between: asOfOld(sent),
  });
  await using young = startWorker(queue, { idlePoll, handlers: { shared: run("new"), new: run("new") } });
  await queue.store.enqueueMany(all.slice(1_000));
  await ended(old, young, 1_600);
  expect(sent.turns).toBeGreaterThan(1);
  expect(await jobsByStatus(queue)).toEqual({ DONE: 1_600, READY: 400 });
  expect(await queue.rows("SELECT DISTINCT job_type, attempts FROM jobs WHERE status = 'READY'")).toEqual([
    { job_type: "nobody's", attempts: 0 },
  ]);
  expect(new Set(ran.map((line) => line.split(" ").at(-1))).size).toBe(1_600);
  expect(ran).toHaveLength(1_600);
  expect(ran.filter((line) => /^(old new|new old) /.test(line))).toEqual([]);
});

test("a job that an old worker left is reaped by a new one, and one that a new worker left by an old one", async () => {
  for (const [left, finds] of [
    [asOfOld({ turns: 0 }), undefined],
    [undefined, asOfOld({ turns: 0 })],
  ] as const) {
    await queue.rows("TRUNCATE jobs");
    await queue.store.enqueue("a", {});
    const [job] = await pooledStore(queue, { between: left }).pickup({ types: ["a"] });
    await queue.rows("UPDATE jobs SET lease_expires_at = now() - interval '1 second'");
    const finder = pooledStore(queue, { between: finds });
    const drain = { store: finder, handlers: { a: () => "done" }, budgetMs: 5_000 };
    expect(await drainOnce(drain)).toMatchObject({ reaped: 1, done: 1 });
    if (job !== undefined) {
      await expect(pooledStore(queue, { between: left }).markDone(job)).rejects.toMatchObject({
        name: "LeaseLostError",
      });
    }
  }
});
