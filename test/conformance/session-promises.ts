import { equal, fail } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Bench, Promises } from "./subject.ts";

/** What the queue promises of sessions that others meddle with. */
export function sessionPromises<Tx>(promise: Promises<Tx>): void {
  promise("a session that has lost what it had prepared prepares it anew", [], async (bench) => {
    for (let round = 0; round < 3; round += 1) {
      await runOne(bench);
      await bench.executor.query("DEALLOCATE ALL");
    }
    await runOne(bench);
  });

  promise("a column whose type changes under it is read on", [], async (bench) => {
    const retype = (type: string): Promise<unknown> =>
      bench.sql(`ALTER TABLE ${bench.names.jobs} ALTER COLUMN locked_by TYPE ${type}`);
    await runOne(bench);
    try {
      await retype("varchar(300)");
      await runOne(bench);
    } finally {
      await retype("text");
    }
    await runOne(bench);
  });
}

/** One job from its enqueue to its end: each statement of a runner that sends more than one. */
async function runOne<Tx>(bench: Bench<Tx>): Promise<void> {
  const { store } = queueOf(bench);
  const { id } = await store.enqueue("a", {});
  const [job] = await store.pickup({ types: ["a"] });
  equal(job?.id, id, "the job that was enqueued");
  if (job === undefined) fail("a job was picked up");
  equal(
    (await store.extend([job], 30_000)).map(({ verdict }) => verdict),
    ["extended"],
  );
  equal((await store.markDone(job)).status, "DONE");
}
