import type { TestQueue } from "./queue.ts";

type Row = Record<string, unknown>;

/** Inserts `count` due jobs of one type in one statement, their payloads `{"n": 1}` and so on. */
export async function insertJobs(queue: TestQueue, count: number, type = "a"): Promise<void> {
  await queue.rows(
    "INSERT INTO jobs (job_type, payload) SELECT $1, jsonb_build_object('n', n) FROM generate_series(1, $2::int) n",
    [type, count],
  );
}

/** One job's row, as `pg` reads it. */
export async function jobRow(queue: TestQueue, id: string): Promise<Row> {
  const [row] = await queue.rows("SELECT * FROM jobs WHERE id = $1", [id]);
  if (row === undefined) throw new Error(`there is no job ${id}`);
  return row;
}

/** How many jobs are in each state. */
export async function jobsByStatus(queue: TestQueue): Promise<Record<string, number>> {
  const rows = await queue.rows("SELECT status, count(*)::int AS count FROM jobs GROUP BY status");
  return Object.fromEntries(rows.map(({ status, count }) => [String(status), Number(count)]));
}
