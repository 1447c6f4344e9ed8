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
import { turnParameters } from "../support/turn-parameters.ts";

const queue = await testQueue();

/** The turn as the first release sends it: a fleet is never upgraded in one moment. */
const OLD_TURN = readFileSync(new URL("../support/fixtures/turn-0.1.0.sql", import.meta.url), "utf8");
const NEW_TURNS = (["whole", "pick-up", "settling"] as const).map(
  (scope) => turnText(tableNames(), { scope }).text,
);

/**
 * Its parameters: settlements and ids as lists of JSON, the types' names as a list of texts, and nothing after the
 * probe. It knew no lanes and no fast pick-up.
 */
function oldParams(text: string, params: readonly unknown[]): readonly unknown[] {
  const sent = turnParameters(text, params);
  const column = (name: string): readonly (string | null)[] => arrayOf(sent[name] ?? "{}");
  const holders = column("holders");
  const [attempts, places, outcomes] = [column("attempts"), column("holderPlaces"), column("outcomes")];
  const [durations, results, errors] = [column("durations"), column("results"), column("errors")];
  const [waits, dueTimes] = [column("waits"), column("dueTimes")];
  const settlements = column("settledIds").map((id, n) => {
    const result = results[n];
    return {
      i: id,
      a: Number(attempts[n] ?? 1),
      l: holders[Number(places[n] ?? 1) - 1],
      o: outcomes[n] ?? "done",
      d: durations[n],
      r: typeof result === "string" ? (JSON.parse(result) as unknown) : null,
      e: errors[n],
      w: waits[n],
      t: dueTimes[n],
    };
  });
  const asked = typeof sent["places"] === "string" ? sent["places"] : "[]";
  const types = (JSON.parse(asked) as { readonly t: string }[]).map(({ t }) => t);
  const zeros = { slots: "0", buffer: "0", maxBytes: "0", leaseMs: "0", marginMs: "0", reapLimit: "0" };
  const all = {
    ...zeros,
    lockedBy: null,
    timeoutSeconds: null,
    staleSeconds: "0",
    waiter: null,
    waitMs: "0",
  };
  const of = { ...all, probe: null, ...sent };
  return [
    ...[JSON.stringify(settlements), JSON.stringify(types), of.slots, of.buffer, of.maxBytes, of.lockedBy],
    ...[of.leaseMs, of.timeoutSeconds, of.marginMs, of.reapLimit, of.staleSeconds],
    ...[JSON.stringify(column("knownIds")), of.waiter, of.waitMs, of.probe],
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
      return newRows(await executor.query(OLD_TURN, oldParams(text, params), options));
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
