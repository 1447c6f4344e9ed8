import type { EventCounts } from "../job/job-event.ts";
import type { GatherRoom } from "../job/gathering.ts";
import { momentOf } from "../moment.ts";
import type { RunnerErrors } from "../runner-error.ts";
import { answerWithin } from "../wait.ts";
import type { Waiter } from "../wait.ts";
import { holdJob } from "./hold-job.ts";
import type { LostPickups } from "./lost-pickups.ts";
import type { TurnSources } from "./planned-turn.ts";
import type { CheckedWorker } from "./worker-options.ts";
import type { LoopState } from "./worker-view.ts";

/** What {@link fillBatch} has to know. */
export interface FillSources extends Pick<TurnSources, "slots" | "leases" | "pickups"> {
  readonly options: CheckedWorker;
  readonly state: LoopState;
  readonly events: EventCounts;
  readonly errors: RunnerErrors;
  readonly lost: LostPickups;
  readonly waiter: Waiter;
}

/** Picks up more jobs of a batch's type, beside the turns: it waits for them in its slot, and no other slot is to wait. */
export async function fillBatch(
  sources: FillSources,
  ...[type, most, filled]: Parameters<GatherRoom["fill"]>
): Promise<void> {
  const { options, state, pickups, events, errors, lost, waiter } = sources;
  const { store, leaseMs, now } = options;
  const sentAt = momentOf(options);
  const pickUp = state.stopping ? undefined : pickups.more(state.workerId, type, most, now());
  if (pickUp === undefined) {
    filled();
    return;
  }
  state.filling += 1;
  try {
    const answer = await answerWithin("turn", leaseMs / 2, (signal) => store.turn({ pickUp }, { signal }));
    events.emitReaped(answer);
    for (const job of answer.jobs) holdJob(sources, job, sentAt);
  } catch (error) {
    lost.failed(pickUp, error, sentAt);
    errors.failed("turn", error);
  } finally {
    state.filling -= 1;
    // At once: what was picked up for this batch is not to become another.
    filled();
    waiter.wake();
  }
}
