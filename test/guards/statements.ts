import { readdirSync, readFileSync } from "node:fs";

import { templatesOf, type Source } from "./mutants.ts";

/** A guarded statement, and the tests that are most likely to miss a predicate of it. */
export interface Statement extends Source {
  /** The file of the statement that this is a part of. */
  readonly whole?: string;
  readonly tests: readonly string[];
}

const core = (...names: readonly string[]): readonly string[] =>
  names.map((name) => `test/core/${name}.test.ts`);

const TURN_TESTS: readonly string[] = [
  ...core(
    "turn-settle",
    "turn-pick-up",
    "turn-alone",
    "turn-cursor",
    "turn-shares",
    "turn-priorities",
    "plans",
    "turn-written",
    "turn-release",
    "turn-snapshot",
    "turn-locks",
    "turn-neighbours",
    "references",
    "held-up",
    "reap",
    "wake-up",
    "turn-races",
    "zombies",
  ),
  "test/model/model.test.ts",
  ...core("fast-pick-up", "isolation"),
];

const LIMIT_TESTS = core("limits-put-aside", "limits-pick-up", "limits-races", "limits-pause", "limits-acts");

const SCHEDULES = "sql/004_schedules.sql";
const SCHEDULE_TESTS: readonly string[] = [
  ...core("schedules/tick", "schedules/tick-edges", "schedules/schedule-wake-up", "schedules/next-tick"),
  "test/runners/schedules.test.ts",
  ...core("schedules/tick-races", "table/schedules"),
];

const partOfTurn = (name: string, clause: string, tests: readonly string[]): Statement => ({
  name,
  file: `src/core/turn/clauses/${clause}.ts`,
  whole: "test/guards/turn-texts.ts",
  tests,
});

/** Every statement that changes a job, or that decides what a caller may rely on. */
export const STATEMENTS: readonly Statement[] = [
  ...Object.entries({
    settling: "settle",
    reaping: "reap",
    picking: "pick-up",
    ranking: "rank",
    taking: "take",
    committing: "async-commit",
    sleep: "sleep",
    "left running": "left-running",
    "made ready": "made-ready",
    "wait marker": "wait-marker",
    lanes: "lanes",
    ticks: "ticks",
    "turn row": "turn-row",
  }).map(([name, clause]) => partOfTurn(name, clause, TURN_TESTS)),
  partOfTurn("gate", "gate", LIMIT_TESTS),
  partOfTurn("admitting", "admit", LIMIT_TESTS),
  partOfTurn("putting aside", "put-aside", LIMIT_TESTS),
  partOfTurn("forgetting steps", "forget-steps", ["test/runners/steps.test.ts", ...core("remember-step")]),
  { name: "limits", file: "src/core/operations/limits.ts", tests: LIMIT_TESTS },
  // The columns that schedules have brought, or NULL: nothing in it lets anything through.
  { name: "schedule columns", file: "src/core/sql/newer-column.ts", tests: core("schedules/which-tick") },
  {
    name: "small indexes",
    file: "src/core/sql/small-indexes.ts",
    whole: "src/core/operations/list.ts",
    tests: core("operations", "list-pages", "stats-estimates"),
  },
  {
    name: "extend",
    file: "src/core/operations/extend.ts",
    tests: core("zombies", "turn-locks", "turn-settle", "references", "held-up"),
  },
  {
    name: "find pick-up",
    file: "src/core/operations/find-pickup.ts",
    tests: core("find-pick-up", "unknown-outcome"),
  },
  {
    name: "settle or fail",
    file: "src/core/operations/settle-in-transaction.ts",
    tests: core("settle-or-fail", "zombies"),
  },
  {
    name: "or fail",
    file: "src/core/sql/lease-lost.ts",
    whole: "src/core/operations/settle-in-transaction.ts",
    tests: core("settle-or-fail", "zombies"),
  },
  {
    name: "remember step",
    file: "src/core/operations/remember-step.ts",
    tests: core("remember-step"),
  },
  { name: "read steps", file: "src/core/operations/read-steps.ts", tests: core("remember-step") },
  {
    name: "cancel",
    file: "src/core/operations/cancel.ts",
    tests: core("turn-settle", "zombies", "references"),
  },
  {
    name: "retry",
    file: "src/core/operations/retry.ts",
    tests: core("settle-or-fail", "wake-up", "zombies", "references"),
  },
  {
    name: "bulk",
    file: "src/core/sql/bulk-act.ts",
    whole: "src/core/operations/redrive.ts",
    tests: core("bulk"),
  },
  { name: "redrive", file: "src/core/operations/redrive.ts", tests: core("bulk") },
  { name: "cancel many", file: "src/core/operations/cancel-many.ts", tests: core("bulk") },
  { name: "delete many", file: "src/core/operations/delete-many.ts", tests: core("bulk") },
  { name: "run now", file: "src/core/operations/run-now.ts", tests: core("bulk") },
  {
    name: "prune",
    file: "src/core/operations/prune.ts",
    tests: core("prune", "operations", "turn-locks", "plans"),
  },
  { name: "prune rules", file: "src/core/operations/prune-rules.ts", tests: core("prune") },
  { name: "prune holders", file: "src/core/operations/prune-holders.ts", tests: core("prune") },
  {
    name: "enqueue",
    file: "src/core/enqueue/enqueue-text.ts",
    tests: core("enqueue", "enqueue-races", "enqueue-skipped", "table/odd-ids", "plans"),
  },
  {
    name: "enqueue with keys",
    file: "src/core/enqueue/keys/keys-text.ts",
    tests: core("keys/keys", "keys/races", "table/odd-ids"),
  },
  ...(["idempotency_keys", "debounce_keys"] as const).map((before) => ({
    name: `index of ${before}`,
    file: "sql/006_keys.sql",
    mark: "'",
    before,
    tests: core("keys/keys", "table/keys"),
  })),
  { name: "get", file: "src/core/operations/get.ts", tests: core("turn-settle") },
  { name: "list", file: "src/core/operations/list.ts", tests: core("operations") },
  {
    name: "matching",
    file: "src/core/sql/matching-jobs.ts",
    whole: "src/core/operations/list.ts",
    tests: core("list-pages", "operations", "bulk"),
  },
  { name: "count matching", file: "src/core/operations/count-matching.ts", tests: core("bulk") },
  { name: "overview", file: "src/core/operations/overview.ts", tests: core("overview") },
  { name: "failures", file: "src/core/operations/failures.ts", tests: core("overview") },
  { name: "workers", file: "src/core/operations/workers.ts", tests: core("overview") },
  { name: "history", file: "src/core/operations/history.ts", tests: core("history") },
  { name: "stats", file: "src/core/operations/stats.ts", tests: core("operations") },
  { name: "tick", file: "src/core/operations/tick.ts", tests: core("schedules/tick") },
  { name: "declare", file: "src/core/schedules/declare.ts", tests: ["test/runners/schedules.test.ts"] },
  {
    name: "schedules by hand",
    file: "src/core/schedules/schedule-operations.ts",
    tests: ["test/runners/schedules.test.ts"],
  },
  ...(
    [
      ["jobs_tick", "tick_body CONSTANT"],
      ["jobs_plan", "plan_body CONSTANT"],
      ["jobs_wake_tick", "wake_body CONSTANT"],
    ] as const
  ).map(([name, before]) => ({ name, file: SCHEDULES, mark: "$body$", before, tests: SCHEDULE_TESTS })),
  { name: "uq_jobs_tick", file: SCHEDULES, mark: "'", before: "tick_keys", tests: SCHEDULE_TESTS },
  {
    name: "wake-up trigger",
    file: "sql/003_wake_up.sql",
    mark: "$body$",
    tests: ["test/core/table/wake-up.test.ts", ...core("wake-up")],
  },
  {
    name: "Python guard",
    file: "sql/patterns/python-guard.sql",
    mark: null,
    tests: ["test/core/table/python-guard.test.ts", "test/core/table/python-guard-edges.test.ts"],
  },
];

/** Where a test may be that misses a predicate: all of them, in this order. */
export const TESTS: readonly string[] = [
  "test/core/",
  "test/model/",
  "test/adapters/pg-pool.test.ts",
  "test/runners/",
];

/** Files of the core that hold a statement, and stand in no list. */
export function unlisted(root: URL): readonly string[] {
  const listed = new Set(STATEMENTS.map(({ file }) => file));
  return readdirSync(new URL("src/core/", root), { recursive: true, encoding: "utf8" })
    .filter((name) => name.endsWith(".ts"))
    .map((name) => `src/core/${name}`)
    .filter((file) => !listed.has(file))
    .filter((file) => templatesOf(file, readFileSync(new URL(file, root), "utf8")).length > 0);
}
