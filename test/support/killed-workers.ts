import { setTimeout as wait } from "node:timers/promises";

import { Worker } from "../../src/runners/worker/worker.ts";
import { EventLog } from "./event-log.ts";
import { faultyProcess, type FaultyOptions, type FaultyProcess } from "./faulty-process.ts";
import { insertJobs } from "./job-rows.ts";
import { MachineTime } from "./machine-time.ts";
import { pooledStore } from "./pooled-store.ts";
import type { TestQueue, TestStore } from "./queue.ts";

/** Where a worker is when it is killed. */
export const PHASES = ["picked up", "handling", "handled", "settling", "buffered"] as const;
/** One of {@link PHASES}. */
export type Phase = (typeof PHASES)[number];

/** What came of a kill. */
export interface Recovery {
  readonly phase: Phase;
  /** The dead worker's type; no other worker had it. */
  readonly type: string;
  /**
   * How long after the end of its last lease the last of its jobs was done by another, by the database's clock, less
   * what the machine had no time for; null where none had to run again.
   */
  readonly afterLeaseMs: number | null;
  readonly ranAgain: number;
}

const HANDLERS = {
  "picked up": "ends",
  handling: "hangs",
  handled: "ends",
  settling: "ends",
  buffered: "hangs late",
} as const satisfies Record<Phase, FaultyOptions["handlers"][string]>;

/** The settlements of these wait for a lock, so that the kill comes in their middle. */
const SLOW_SETTLING = `
CREATE FUNCTION slow_settling() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_advisory_xact_lock_shared(hashtext(OLD.job_type)); RETURN NEW; END';
CREATE TRIGGER slow_settling BEFORE UPDATE ON jobs FOR EACH ROW
  WHEN (OLD.job_type LIKE 'settling%' AND NEW.status = 'DONE') EXECUTE FUNCTION slow_settling()`;

/** Kills workers, `atOnce` at a time, each a process that holds jobs of a type of its own. */
export async function killWorkers(
  queue: TestQueue,
  phases: readonly Phase[],
  { leaseMs, atOnce }: { readonly leaseMs?: number; readonly atOnce: number },
): Promise<Recovery[]> {
  await queue.rows(SLOW_SETTLING);
  // Each survivor keeps one of the pool's connections for LISTEN.
  const store = pooledStore(queue, { max: atOnce + 4 });
  const waiting = phases.map((phase, n) => ({ phase, type: `${phase} ${n}` }));
  const recoveries: Recovery[] = [];
  const lane = async (): Promise<void> => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift())
      recoveries.push(await killWorker(queue, store, next, leaseMs));
  };
  await Promise.all(Array.from({ length: atOnce }, lane));
  await queue.rows("DROP FUNCTION slow_settling CASCADE");
  return recoveries;
}

async function killWorker(
  queue: TestQueue,
  store: TestStore,
  { phase, type }: Pick<Recovery, "phase" | "type">,
  leaseMs: number | undefined,
): Promise<Recovery> {
  const settings = leaseMs === undefined ? {} : { leaseMs };
  await insertJobs(queue, phase === "buffered" ? 300 : 3, type);
  const { client: gate } = await queue.session();
  await gate.query("SELECT pg_advisory_lock(hashtext($1))", [type]);
  const victim = faultyProcess({
    url: queue.url,
    handlers: { [type]: HANDLERS[phase] },
    concurrency: phase === "buffered" ? 1 : 3,
    ...(phase === "picked up" || phase === "handled" ? { holdAt: phase } : {}),
    ...settings,
  });
  await reached(queue, victim, phase, type);
  const { log, worker } = standBy(store, type, settings);
  await using _survivor = worker.start();
  // What is extended may be killed at any moment between two extensions.
  if (phase === "handling" || phase === "buffered") await wait(Math.random() * ((leaseMs ?? 30_000) / 3));
  victim.kill("SIGKILL");
  await victim.ended;
  const machine = new MachineTime(queue);
  const leaseEnd = await latest(queue, "lease_expires_at", type);
  await gate.query("SELECT pg_advisory_unlock_all()");
  while ((await countOf(queue, type, ["READY", "RUNNING"])) > 0) await wait(50);
  const ranAgain = log.of("done").length;
  const { lostMs } = machine;
  await machine.stop();
  if (ranAgain === 0) return { phase, type, afterLeaseMs: null, ranAgain };
  const afterLeaseMs = (await latest(queue, "finished_at", type)) - leaseEnd - lostMs;
  return { phase, type, afterLeaseMs, ranAgain };
}

/** The latest of those times, in epoch milliseconds of the database's. */
async function latest(queue: TestQueue, column: string, type: string): Promise<number> {
  const [row] = await queue.rows(
    `SELECT (extract(epoch FROM max(${column})) * 1000)::float8 AS ms FROM jobs WHERE job_type = $1`,
    [type],
  );
  return Number(row?.["ms"]);
}

function standBy(
  store: TestStore,
  type: string,
  settings: { readonly leaseMs?: number },
): { readonly log: EventLog; readonly worker: Worker } {
  const log = new EventLog();
  const handlers = { [type]: (): void => undefined };
  return {
    log,
    worker: new Worker({ store, concurrency: 10, env: {}, handlers, onEvent: log.onEvent, ...settings }),
  };
}

async function reached(queue: TestQueue, victim: FaultyProcess, phase: Phase, type: string): Promise<void> {
  if (phase === "handling") await victim.until("started");
  else if (phase !== "buffered") await victim.until(`at ${phase}`);
  else while ((await countOf(queue, type, ["DONE"])) < 200) await wait(20);
  // Its statement waits in the trigger: it is in the middle.
  while (phase === "settling" && (await queue.rows(WAITS_IN_TRIGGER, [type])).length === 0) await wait(10);
}

const WAITS_IN_TRIGGER = `
SELECT 1 FROM pg_locks
 WHERE locktype = 'advisory' AND NOT granted AND objid = (hashtext($1)::int8 & 4294967295)::oid`;

async function countOf(queue: TestQueue, type: string, statuses: readonly string[]): Promise<number> {
  const [row] = await queue.rows(
    "SELECT count(*)::int AS n FROM jobs WHERE job_type = $1 AND status::text = ANY ($2)",
    [type, statuses],
  );
  return Number(row?.["n"]);
}
