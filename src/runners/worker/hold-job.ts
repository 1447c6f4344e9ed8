import type { PickedUpJob } from "../../core/job.ts";
import type { Moment } from "../moment.ts";
import type { TurnSources } from "./planned-turn.ts";

/** Takes in what was picked up; a worker that stops gives it back. */
export function holdJob(
  {
    state,
    slots,
    leases,
  }: Pick<TurnSources, "slots" | "leases"> & { readonly state: { readonly stopping: boolean } },
  job: PickedUpJob,
  grantedAt: Moment,
): void {
  if (state.stopping) {
    slots.release(job);
    return;
  }
  leases.hold(job, grantedAt);
  slots.add(job);
}
