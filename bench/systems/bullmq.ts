import { createPostgresBackend, Queue, runMigrations, Worker } from "bullmq";
import { Client } from "pg";

import { payloads, type Payload } from "./payload.ts";
import type { Background, System } from "./system.ts";

const QUEUE = "bench";

function report(error: Error): void {
  console.error(error);
}

const COLUMNS: Readonly<Record<Background, string>> = {
  finished: "'bench', 'completed', NULL, (extract(epoch FROM now()) * 1000)::bigint - 1000",
  future: "'bench', 'delayed', (extract(epoch FROM now()) * 1000)::bigint + 86400000, NULL",
  ready: "'bench', 'waiting', NULL, NULL",
  other: "'other', 'waiting', NULL, NULL",
};

/** BullMQ on its PostgreSQL backend. */
export const bullmqSystem: System = {
  name: "bullmq",
  settings: "`createPostgresBackend`, pool `max` 10, finished jobs kept (its default)",
  sql: {
    open: "SELECT count(*) AS bench_count FROM bullmq.job WHERE queue = 'bench' AND state NOT IN ('completed', 'failed')",
    done: "SELECT count(*) AS bench_count FROM bullmq.job WHERE queue = 'bench' AND state = 'completed'",
    unsettled:
      "SELECT count(*) AS bench_count FROM bullmq.job WHERE queue = 'bench' AND id = ANY($1::text[]) AND state <> 'completed'",
    background: (background, rows) => [
      `INSERT INTO bullmq.job (queue, id, seq, name, state, data, added_at_ms, process_at_ms, finished_at_ms)
       SELECT c.queue, 'b' || n, nextval('bullmq.job_seq'), 'bench', c.state::bullmq.job_state, json_build_object('index', n),
              (extract(epoch FROM now()) * 1000)::bigint - 2000, c.process_at::bigint, c.finished_at::bigint
         FROM (SELECT ${COLUMNS[background]}) AS c (queue, state, process_at, finished_at)
        CROSS JOIN generate_series(1, ${rows}) n`,
    ],
  },
  migrate: async (connectionString) => {
    const client = new Client({ connectionString });
    await client.connect();
    await runMigrations(client);
    await client.end();
  },
  producer: (connectionString) => {
    const queue = new Queue<Payload>(
      QUEUE,
      { connection: { connectionString, max: 10 } },
      createPostgresBackend,
    ).on("error", report);
    return Promise.resolve({
      enqueue: (index) => queue.add(QUEUE, { index }),
      enqueueMany: (first, count) =>
        queue.addBulk(payloads(first, count).map((data) => ({ name: QUEUE, data }))),
      close: () => queue.close(),
    });
  },
  work: async (connectionString, { slots, onJob }) => {
    const worker = new Worker<Payload>(
      QUEUE,
      async ({ id, data }) => {
        await onJob(id ?? "", data.index);
      },
      { connection: { connectionString, max: 10 }, concurrency: slots },
      createPostgresBackend,
    ).on("error", report);
    await worker.waitUntilReady();
    return { stop: () => worker.close() };
  },
};
