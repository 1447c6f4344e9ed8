import { setTimeout as pause } from "node:timers/promises";

import pg from "pg";
import type { SqlExecutor } from "pqrun";

import type { Payload } from "../systems/payload.ts";
import { builtPqrun } from "../systems/pqrun.ts";
import { nowMs, type Answer, type HttpTask } from "./task.ts";

const BUDGET_MS = 120_000;

/** A drain over an executor that answers after a round trip, and can do no more than one over HTTP. */
export async function drainOverHttp(url: string, task: HttpTask): Promise<Answer> {
  const { PgJobStore, defineJob, drainOnce, pgExecutor, ...built } = await builtPqrun();
  // An earlier release, beside which this one is measured, has no `executor` and asks for none.
  const { executor: ownExecutor = (members: unknown) => members as SqlExecutor } = built as Partial<
    typeof built
  >;
  const pool = new pg.Pool({ connectionString: url });
  const inner = pgExecutor(pool);
  const executor: SqlExecutor = ownExecutor({
    query: async (text, params, options) => {
      await pause(task.roundTripMs);
      return inner.query(text, params, options);
    },
  });
  const store = new PgJobStore(executor, { jobs: { bench: defineJob<Payload>() } });
  const drain = (): ReturnType<typeof drainOnce> =>
    drainOnce({
      store,
      budgetMs: BUDGET_MS,
      concurrency: task.batchSize,
      handlers: { bench: () => Promise.resolve() },
    });
  const startedMs = nowMs();
  const report = await drain();
  const endedMs = nowMs();
  const empty = await drain();
  await pool.end();
  return {
    jobs: report.done,
    startedMs,
    endedMs,
    statements: report.statements,
    emptyStatements: empty.statements,
  };
}
