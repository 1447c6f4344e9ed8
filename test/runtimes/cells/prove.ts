import type { SqlExecutor } from "pqrun";
import { executorSuite, queueSuite, runnerSuite, type Suite } from "pqrun/conformance";

/** All that an executor is held to. */
export function prove<Tx>(suite: Suite<Tx>): void {
  executorSuite(suite);
  queueSuite(suite);
  runnerSuite(suite);
}

/** Takes every job out, by connections of its own: the next test begins with nothing. */
export async function emptied(rival: SqlExecutor): Promise<SqlExecutor> {
  await rival.query("TRUNCATE public.jobs, public.jobs_waiting RESTART IDENTITY");
  return rival;
}
