import type { JobSlots } from "../job/job-slots.ts";
import type { RunnerErrors } from "../runner-error.ts";
import type { LoopState } from "./worker-view.ts";

/** What a worker is doing. */
export const WORKER_STATES = ["not started", "working", "failing", "stopping"] as const;

/** One of {@link WORKER_STATES}. */
export type WorkerState = (typeof WORKER_STATES)[number];

/** Whether a worker works, for a health check. */
export interface WorkerHealth {
  /** Whether it has been started, is not stopping, and was answered by the database when it last asked. */
  readonly ok: boolean;
  /** `failing`: its last turn was refused or not answered. It goes on trying. */
  readonly state: WorkerState;
  /** For how long its turns have failed, in milliseconds; null where they don't. */
  readonly failingForMs: number | null;
  /** Whether a NOTIFY wakes it; where not, it polls. */
  readonly listening: boolean;
  /** Handlers that run now. */
  readonly running: number;
  /** Settlements that the database has not taken yet. */
  readonly unsettled: number;
}

/** What is known without asking the database. */
export function healthOf(
  started: boolean,
  { stopping, listener }: LoopState,
  slots: JobSlots,
  errors: RunnerErrors,
): WorkerHealth {
  const failingForMs = errors.turnsFailForMs ?? null;
  const state = !started
    ? "not started"
    : stopping
      ? "stopping"
      : failingForMs === null
        ? "working"
        : "failing";
  return {
    ok: state === "working",
    state,
    failingForMs,
    listening: listener?.hears ?? false,
    running: slots.running,
    unsettled: slots.settlementQueue.size,
  };
}
