import { expect, test } from "vitest";

import { bulkStatement } from "../../src/core/sql/bulk-act.ts";
import { cancelManyText } from "../../src/core/operations/cancel-many.ts";
import { countStatement } from "../../src/core/operations/count-matching.ts";
import { deleteManyText } from "../../src/core/operations/delete-many.ts";
import { failuresStatement } from "../../src/core/operations/failures.ts";
import { historyStatement } from "../../src/core/operations/history.ts";
import { overviewStatement } from "../../src/core/operations/overview.ts";
import { redriveText } from "../../src/core/operations/redrive.ts";
import { runNowText } from "../../src/core/operations/run-now.ts";
import { workersStatement } from "../../src/core/operations/workers.ts";
import { cancelStatement, cancelText } from "../../src/core/operations/cancel.ts";
import { enqueueTexts } from "../../src/core/enqueue/enqueue-text.ts";
import { enqueueStatement } from "../../src/core/enqueue/enqueue.ts";
import { enqueueKeys } from "../../src/core/enqueue/keys/enqueue-keys.ts";
import type { SqlStatement } from "../../src/core/executor.ts";
import { extendStatement, extendText } from "../../src/core/operations/extend.ts";
import { findPickUpStatement, findPickUpText } from "../../src/core/operations/find-pickup.ts";
import { getStatement, getText } from "../../src/core/operations/get.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import {
  limitsStatement,
  pauseTypeStatement,
  resumeTypeStatement,
  setLimitsStatement,
} from "../../src/core/operations/limits.ts";
import { listStatement, listText, type ListOptions } from "../../src/core/operations/list.ts";
import { pruneStatement, pruneText } from "../../src/core/operations/prune.ts";
import { retryStatement, retryText } from "../../src/core/operations/retry.ts";
import { stepsText } from "../../src/core/operations/read-steps.ts";
import { rememberStepStatement, rememberStepText } from "../../src/core/operations/remember-step.ts";
import { settleOrFailStatement, settleOrFailText } from "../../src/core/operations/settle-in-transaction.ts";
import { statsStatement, statsText } from "../../src/core/operations/stats.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { keepLimits } from "../../src/core/turn/keep-limits.ts";
import { turnText } from "../../src/core/turn/turn-text.ts";
import { turnStatement } from "../../src/core/turn/turn-statement.ts";
import { pagesOf, planOf } from "../support/plan.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

/**
 * `npm run test:plans` asks for a million, on PostgreSQL 13 and 18. So many that 2,000 rows are few of them for a planner, too,
 * that knows no widths and takes the rows for four times as wide as they are.
 */
const SIZES = (process.env["PLAN_ROWS"] ?? "0,20000").split(",").map(Number);

/** What a step may look at: some for each of the thousand jobs of the largest pick-up, whatever the table holds. */
const MOST_ROWS = 6_000;

const queue = await testQueue();
const { client } = await queue.session();
const names = tableNames();
// Statistics are what the test says.
await queue.rows("ALTER TABLE jobs SET (autovacuum_enabled = off)");
await queue.rows("INSERT INTO jobs_limits (name) VALUES ('other')");

/**
 * A hundred jobs that run, and of the rest a tenth each: due, due with a priority, not yet due, FAILED; others' and DONE. The
 * others' are of 500 concurrency keys, a third of them put aside; and the due ones may be debounced.
 */
const FILL = `
INSERT INTO jobs (job_type, status, priority, run_after, attempts, finished_at, dedupe_key, locked_by, lease_holder, lease_expires_at,
                  concurrency_key, due_at, idempotency_key, debounce_key)
SELECT CASE WHEN n % 10 < 3 THEN 'other' ELSE 'a' END,
       (CASE WHEN n <= 100 THEN 'RUNNING' WHEN n % 10 IN (4, 5, 6) THEN 'DONE' WHEN n % 10 = 7 THEN 'FAILED' ELSE 'READY' END)::job_status,
       CASE WHEN n % 10 = 8 THEN n % 3 ELSE 0 END,
       now() + CASE WHEN n % 10 IN (2, 9) THEN interval '1 day' ELSE -interval '1 day' END,
       CASE WHEN n % 10 = 3 AND n > 100 THEN 0 ELSE 1 END, CASE WHEN n > 100 AND n % 10 IN (4, 5, 6, 7) THEN now() - interval '1 day' END, 'k' || n,
       CASE WHEN n <= 100 THEN 'w' END, CASE WHEN n <= 100 THEN 'w' END, CASE WHEN n <= 100 THEN now() + interval '1 day' END,
       CASE WHEN n % 10 < 3 THEN 'c' || n % 500 END, CASE WHEN n % 10 = 2 AND n > 100 THEN now() - interval '1 day' END, 'i' || n, 'd' || n
  FROM generate_series(1, $1) n`;

const fences = Array.from({ length: 100 }, (_, n) => ({ id: String(n + 1), attempts: 1, lockedBy: "w" }));
const [fence = { id: "1", attempts: 1, lockedBy: "w" }] = fences;
const settlements: readonly Settlement[] = fences.map((job, n) =>
  n % 2 === 0
    ? { job, durationMs: 1, outcome: "done", resultText: "1" }
    : { job, durationMs: 1, outcome: "retry", error: "no", due: 60_000 },
);
const reap = { defaultTimeoutSeconds: 1_200 };
const jobs = (keyed: boolean): Parameters<typeof enqueueStatement>[1] =>
  Array.from({ length: 100 }, (_, n) => ({
    type: "a",
    payloadText: "{}",
    dedupeKey: keyed ? `k${n + 50}` : null,
    priority: 0,
    runAfter: null,
    maxAttempts: 5,
    timeoutSeconds: null,
  }));
const keyed = (option: "idempotencyKey" | "debounce"): ReturnType<typeof jobs> =>
  jobs(false).map((job, n) => ({
    ...job,
    key: { option, text: `${option[0] ?? ""}${n + 150}`, seconds: 60, delayMs: 60_000, keys: enqueueKeys },
  }));
/** A pick-up of the type that has keys, with limits and a look of the most jobs. */
const limited = (limit: object): SqlStatement => {
  const keeping = keepLimits.clauses;
  const limits = { types: JSON.stringify([{ t: "other", ...limit }]), keyLook: 2_000, clauses: keeping };
  return turnStatement((scope) => turnText(names, { scope, keeping }), {
    pickUp: pickUpOf({ types: ["other", "a"], slots: 100 }),
    limits,
  });
};
const turn = (request: Parameters<typeof turnStatement>[1]): SqlStatement =>
  turnStatement((scope) => turnText(names, { scope }), request);

/** A list for each way to the rows, and each with a condition that no job meets. */
const LISTS: Readonly<Record<string, SqlStatement>> = Object.fromEntries(
  [
    {},
    { beforeId: "5000" },
    { statuses: ["DONE"], types: ["a"] },
    { types: ["none"] },
    { dedupeKey: "k77" },
    { dedupeKey: "k77", statuses: ["READY", "RUNNING"] },
    { ids: ["77", "78", "0"] },
    { since: new Date(), statuses: ["DONE"] },
    { statuses: ["READY"] },
    { statuses: ["READY"], types: ["none"] },
    { statuses: ["RUNNING"] },
    { statuses: ["CANCELLED"] },
    { statuses: ["FAILED"] },
    { statuses: ["FAILED"], beforeId: "5000", types: ["a", "none"] },
    { statuses: ["FAILED"], since: new Date(Date.now() + 60_000) },
    { statuses: ["READY", "RUNNING", "CANCELLED"], beforeId: "5000" },
  ].map((options) => [
    `list ${JSON.stringify(options)}`,
    listStatement(listText(names), { ...(options as ListOptions), limit: 100 }),
  ]),
);

/** What acts on many jobs, by ways that it may take to them. What is taken back leaves dead rows for the next one: not a thousand each. */
const BULK: Readonly<Record<string, SqlStatement>> = {
  redrive: bulkStatement(redriveText(names), { statuses: ["FAILED"], limit: 100 }, ["FAILED"], undefined),
  "redrive of a type": bulkStatement(
    redriveText(names),
    { statuses: ["FAILED"], types: ["a"], since: new Date(0), limit: 100 },
    ["FAILED"],
    undefined,
  ),
  cancelMany: bulkStatement(cancelManyText(names), { types: ["other"], limit: 100 }, ["READY"], ["READY"]),
  runNow: bulkStatement(runNowText(names), { limit: 100 }, ["READY"], ["READY"]),
  deleteMany: bulkStatement(deleteManyText(names), { limit: 100 }, ["DONE"], ["DONE"]),
  "deleteMany by ids": bulkStatement(deleteManyText(names), { ids: ["104", "105"] }, ["DONE"], ["DONE"]),
};

/** What keeps, shows and sets limits. */
const LIMITS: Readonly<Record<string, SqlStatement>> = {
  "a pick-up with a bound for each key": limited({ k: 2 }),
  "a pick-up with a bound for the type": limited({ c: 50 }),
  "a pick-up that has no room": limited({ c: 1 }),
  "a pick-up of keys in turns": limited({ k: 2, o: 1, f: "c100" }),
  "a pick-up of keys in order": limited({ k: 1, o: 2 }),
  "a pick-up with a rate": limited({ q: 50, w: 60 }),
  limits: limitsStatement(names),
  pauseType: pauseTypeStatement(names, "other"),
  resumeType: resumeTypeStatement(names, "other"),
  setLimits: setLimitsStatement(names, "other", { total: 5, rate: null }),
};

/** What a status page asks for. */
const READS: Readonly<Record<string, SqlStatement>> = {
  overview: overviewStatement(names),
  history: historyStatement(names, {}),
  "history of a type": historyStatement(names, { type: "none", sample: 1_000 }),
  failures: failuresStatement(names, {}),
  "failures of a type": failuresStatement(names, { types: ["a", "none"] }),
  workers: workersStatement(names),
  countMatching: countStatement(names, { statuses: ["FAILED"], types: ["a"] }),
};

/** Each statement. */
const STATEMENTS: Readonly<Record<string, SqlStatement>> = {
  "a look of many types": turn({
    pickUp: pickUpOf({ types: ["a", ...Array.from({ length: 19 }, (_, n) => `t${n}`)], slots: 10 }),
  }),
  "a look that finds nothing": turn({ pickUp: pickUpOf({ types: ["none"], slots: 10 }) }),
  "a look by what is due": turnStatement((scope) => turnText(names, { scope, depth: "deep" }), {
    pickUp: pickUpOf({ types: ["a", "none"], slots: 10 }),
  }),
  "a pick-up of many types by shares": turn({
    pickUp: pickUpOf({
      types: ["a", ...Array.from({ length: 19 }, (_, n) => `t${n}`)],
      slots: 100,
      buffer: 900,
      shares: Array.from({ length: 20 }, () => 200),
    }),
  }),
  "a pick-up of a thousand": turn({ pickUp: pickUpOf({ types: ["a"], slots: 100, buffer: 900 }) }),
  "a pick-up that goes on": turn({
    pickUp: pickUpOf({
      slots: 100,
      lanes: [{ type: "a", priority: 0, afterDue: "0", afterId: "7" }],
    }),
  }),
  "a settlement of a hundred": turn({ settlements }),
  "a turn of all parts": turn({ settlements, pickUp: pickUpOf({ slots: 100 }), reap, running: ["1", "2"] }),
  "a reap": turn({ reap }),
  extend: extendStatement(extendText(names), fences, 30_000),
  findPickUp: findPickUpStatement(findPickUpText(names), ["w", "v"]),
  "a settlement that forgets steps": turnStatement((scope) => turnText(names, { scope, forgets: true }), {
    settlements: [{ job: fence, durationMs: 1, outcome: "done", resultText: null, forgetsSteps: true }],
  }),
  stepStatement: rememberStepStatement(
    rememberStepText(names),
    fence,
    { name: "s", valueText: null, again: true },
    1,
  ),
  steps: { text: stepsText(names), params: ["77"] },
  settleStatement: settleOrFailStatement(settleOrFailText(names), fence, null, 1),
  "enqueue without keys": enqueueStatement(enqueueTexts(names), jobs(false), false),
  "enqueue with keys, half of them active": enqueueStatement(enqueueTexts(names), jobs(true), false),
  "enqueue with keys, ids by default": enqueueStatement(enqueueTexts(names), jobs(true), true),
  "enqueue of one": enqueueStatement(enqueueTexts(names), jobs(false).slice(0, 1), true),
  "enqueue of one with an active key": enqueueStatement(enqueueTexts(names), jobs(true).slice(50, 51), true),
  "enqueue with idempotency keys": enqueueStatement(enqueueTexts(names), keyed("idempotencyKey"), false),
  "enqueue with idempotency keys, ids by default": enqueueStatement(
    enqueueTexts(names),
    keyed("idempotencyKey"),
    true,
  ),
  "enqueue of debounced jobs": enqueueStatement(enqueueTexts(names), keyed("debounce"), false),
  get: getStatement(getText(names), "77"),
  ...LISTS,
  ...READS,
  ...LIMITS,
  stats: statsStatement(statsText(names), names),
  cancel: cancelStatement(cancelText(names), "77"),
  retry: retryStatement(retryText(names), "107"),
  "retry from the start": retryStatement(retryText(names, true, true), "107"),
  prune: pruneStatement(pruneText(names), { olderThanSeconds: 60, limit: 1_000 }),
  "a prune that finds nothing": pruneStatement(pruneText(names), { olderThanSeconds: 864_000 }),
  "a prune by rules that finds nothing": pruneStatement(pruneText(names), {
    olderThanSeconds: 864_000,
    rules: [
      // Of the shortest age are none, so that of each job that has ended its own is looked up.
      { type: "none", olderThanSeconds: 0 },
      { type: "a", status: "FAILED", olderThanSeconds: 8_640_000 },
    ],
  }),
  ...BULK,
};

/** What counts, or looks at a sample, says how many rows that may be. */
const MOST_ROWS_OF: Readonly<Record<string, number>> = {
  overview: 10_001,
  history: 10_000,
  "history of a type": 10_000,
  // They look at their lanes' jobs, and at those that fill a type or a key.
  ...Object.fromEntries(Object.keys(LIMITS).map((name) => [name, 6_500])),
};

/** What is asked again and again, mostly for little: the most pages that it may look at, whatever the table holds. */
const MOST_PAGES: Readonly<Record<string, number>> = {
  "a prune that finds nothing": 200,
  "a prune by rules that finds nothing": 200,
};

/** Fills the table. Stale statistics are those of a small table whose jobs had all been due. */
async function fill(size: number, statistics: string): Promise<void> {
  // Statistics outlive TRUNCATE.
  await queue.rows("TRUNCATE jobs RESTART IDENTITY");
  await queue.rows("DELETE FROM pg_statistic WHERE starelid = 'jobs'::regclass");
  if (statistics === "stale") {
    await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 100)");
    await queue.rows("ANALYZE jobs");
    await queue.rows("TRUNCATE jobs RESTART IDENTITY");
  }
  await queue.rows(FILL, [size]);
  if (statistics === "fresh") await queue.rows("VACUUM ANALYZE jobs");
}

test.for(SIZES.flatMap((size) => ["fresh", "stale"].map((statistics) => [size, statistics] as const)))(
  "with %d rows and %s statistics no statement scans the table, sorts a backlog or squares anything, prepared or not",
  { timeout: 600_000 },
  async ([size, statistics]) => {
    await fill(size, statistics);
    for (const [name, statement] of Object.entries(STATEMENTS)) {
      // It fails where there is no such job, as it should.
      if (size === 0 && /^s\w+Statement$/.test(name)) continue;
      for (const generic of [false, true]) {
        const steps = await planOf(client, statement, generic);
        const scanned = steps.filter(({ type, of }) => type.includes("Seq Scan") && of === "jobs");
        const most = Math.max(...steps.map(({ rows }) => rows));
        // A table of a page or two is read whole, and rightly; and one of which the statement may look at half.
        const small = size <= 2 * (MOST_ROWS_OF[name] ?? 0);
        expect({ name, generic, scanned: small ? [] : scanned }).toEqual({ name, generic, scanned: [] });
        const bound = (small ? 2 : 1) * (MOST_ROWS_OF[name] ?? MOST_ROWS);
        expect({ name, generic, most: Math.max(most, bound) }).toEqual({ name, generic, most: bound });
      }
      const most = MOST_PAGES[name] ?? Infinity;
      const pages = await pagesOf(client, statement);
      expect({ name, most: Math.max(pages, most) }).toEqual({ name, most });
    }
  },
);
