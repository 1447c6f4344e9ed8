import type { PollSchedule } from "./poll-schedule.ts";
import type { Ticker } from "./ticker.ts";
import type { Waiter } from "../wait.ts";
import { WakeListener } from "./wake-listener.ts";
import type { CheckedWorker } from "./worker-options.ts";

/** What hears of new jobs for a worker. */
export interface Listening {
  readonly listener: WakeListener;
  /** Hears no longer of what this process enqueues. */
  readonly stop: () => void;
}

/** Begins to hear of new jobs: by NOTIFY, and of its own process's enqueues directly. */
export function startListening(
  { store, types, safetyPollMs, logger, now }: CheckedWorker,
  {
    id,
    schedule,
    ticker,
    waiter,
  }: {
    readonly id: string;
    readonly schedule: PollSchedule;
    readonly ticker: Ticker;
    readonly waiter: Waiter;
  },
): Listening {
  const onSooner = (): void => {
    waiter.wake();
  };
  const onWake = (): void => {
    schedule.pollNow();
    waiter.wake();
  };
  const onNotified = (dueAt: number, sure: boolean): void => {
    schedule.notified(dueAt, sure);
    // It may be about schedules or limits, which not each poll asks about.
    if (!sure) ticker.askSoon();
    waiter.wake();
  };
  // The guard's row is this start's own: two workers may bear one readable id.
  const worker = `${id}:${crypto.randomUUID()}`;
  const listener = new WakeListener({
    ...{ store, worker, types, safetyPollMs, logger, now },
    ...{ onWake, onNotified, onSooner },
  });
  const stop = store.onEnqueue((jobs) => {
    listener.enqueued(jobs);
  });
  void listener.start();
  return { listener, stop };
}
