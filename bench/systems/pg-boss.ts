import { setTimeout as pause } from "node:timers/promises";

import { PgBoss, type Job } from "pg-boss";

import { payloads, type Payload } from "./payload.ts";
import type { Background, RunningWorker, System, WorkOptions } from "./system.ts";

const QUEUE = "bench";
/** With NOTIFY at each job: for latency alone. */
const NOTIFYING = "bench-notify";
const BATCH = 500;
const IDLE_MS = 20;

async function start(connectionString: string, useListenNotify: boolean): Promise<PgBoss> {
  const boss = new PgBoss({ connectionString, useListenNotify });
  boss.on("error", (error) => {
    console.error(error);
  });
  return boss.start();
}

/** Fetches, runs and completes one batch after the other until told to stop; at most `slots` handlers at once. */
async function fetchLoop(
  boss: PgBoss,
  slots: number,
  { onJob }: WorkOptions,
  stopping: AbortSignal,
): Promise<void> {
  const handle = async ({ id, data }: Job<Payload>): Promise<void> => {
    await onJob(id, data.index);
  };
  while (!stopping.aborted) {
    const batch = await boss.fetch<Payload>(QUEUE, { batchSize: BATCH });
    if (batch.length === 0) await pause(IDLE_MS);
    else {
      const waiting = batch.values();
      const lane = async (): Promise<void> => {
        for (const job of waiting) await handle(job);
      };
      await Promise.all(Array.from({ length: slots }, lane));
      await boss.complete(
        QUEUE,
        batch.map(({ id }) => id),
      );
    }
  }
}

async function workInLoops(url: string, options: WorkOptions): Promise<RunningWorker> {
  const boss = await start(url, false);
  const stopping = new AbortController();
  const loops = options.slots === 1 ? 1 : 2;
  const running = Array.from({ length: loops }, () =>
    fetchLoop(boss, Math.ceil(options.slots / loops), options, stopping.signal),
  );
  return {
    stop: async () => {
      stopping.abort();
      await Promise.all(running);
      await boss.stop();
    },
  };
}

async function workOnNotify(url: string, { onJob }: WorkOptions): Promise<RunningWorker> {
  const boss = await start(url, true);
  await boss.work<Payload>(NOTIFYING, async (jobs) => {
    for (const { id, data } of jobs) await onJob(id, data.index);
  });
  return { stop: () => boss.stop() };
}

const COLUMNS: Readonly<Record<Background, string>> = {
  finished: "'completed', 'bench', now() - interval '1 day', now()",
  future: "'created', 'bench', now() + interval '1 day', NULL",
  ready: "'created', 'bench', now() - interval '1 day', NULL",
  other: "'created', 'other', now() - interval '1 day', NULL",
};

/** pg-boss. */
export const pgBossSystem: System = {
  name: "pg-boss",
  settings: `\`fetch\` of ${BATCH} and \`complete(ids)\` in two loops (one with one slot); for latency \`work\` with \`useListenNotify\``,
  sql: {
    open: "SELECT count(*) AS bench_count FROM pgboss.job WHERE state < 'completed' AND name LIKE 'bench%'",
    done: "SELECT count(*) AS bench_count FROM pgboss.job WHERE state = 'completed' AND name LIKE 'bench%'",
    unsettled:
      "SELECT count(*) AS bench_count FROM pgboss.job WHERE name = 'bench' AND id = ANY($1::text[]::uuid[]) AND state <> 'completed'",
    background: (background, rows) => [
      `INSERT INTO pgboss.job (data, state, name, start_after, completed_on, policy)
       SELECT json_build_object('index', n), s::pgboss.job_state, name, start_after, completed_on::timestamptz, 'standard'
         FROM (SELECT ${COLUMNS[background]}) AS c (s, name, start_after, completed_on)
        CROSS JOIN generate_series(1, ${rows}) n`,
    ],
  },
  migrate: async (url) => {
    const boss = await start(url, false);
    for (const name of [QUEUE, "other"]) await boss.createQueue(name);
    await boss.createQueue(NOTIFYING, { notify: true });
    await boss.stop();
  },
  producer: async (url, { forLatency = false } = {}) => {
    const boss = await start(url, false);
    const queue = forLatency ? NOTIFYING : QUEUE;
    return {
      enqueue: (index) => boss.send(queue, { index }),
      enqueueMany: (first, count) =>
        boss.insert(
          queue,
          payloads(first, count).map((data) => ({ data })),
        ),
      close: () => boss.stop(),
    };
  },
  work: (url, options) =>
    options.forLatency === true ? workOnNotify(url, options) : workInLoops(url, options),
};
