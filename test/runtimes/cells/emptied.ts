import type { SqlExecutor } from "pqrun";

/** Takes every job out, by connections of its own: the next test begins with nothing. */
export async function emptied(rival: SqlExecutor): Promise<SqlExecutor> {
  await rival.query("TRUNCATE public.jobs, public.jobs_waiting RESTART IDENTITY");
  return rival;
}
