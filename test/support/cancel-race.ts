import type { PickedUpJob } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import { pickUpOf, type TestQueue } from "./queue.ts";

/** Who won how often, and how often it was not exactly one. */
export interface CancelRace {
  cancelled: number;
  done: number;
  /** Races of which both or neither claim to have won, or whose row says something else. */
  wrong: string[];
}

/** Cancels running jobs while they are settled, from connections of their own, `races` times. */
export async function raceCancels(queue: TestQueue, races: number): Promise<CancelRace> {
  const tally: CancelRace = { cancelled: 0, done: 0, wrong: [] };
  const lanes = await Promise.all(
    Array.from({ length: 4 }, () => Promise.all([queue.session(), queue.session()])),
  );
  const each = Math.ceil(races / lanes.length);
  await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, $1::int)", [
    each * lanes.length,
  ]);
  // One after the other: a pick-up passes over what another has locked meanwhile, and gets fewer.
  const held: (readonly PickedUpJob[])[] = [];
  for (const [{ store }] of lanes)
    held.push((await store.turn({ pickUp: pickUpOf({ slots: each, leaseMs: 3_600_000 }) })).jobs);
  await Promise.all(
    lanes.map(async ([{ store: settler }, { store: canceller }], lane) => {
      for (const [n, job] of (held[lane] ?? []).entries()) {
        const settlement: Settlement = { job, durationMs: 1, outcome: "done", resultText: "1" };
        const settle = async (): Promise<string> => {
          for (;;) {
            const [answer] = (await settler.turn({ settlements: [settlement] })).settlements;
            if (answer?.verdict !== "busy") return answer?.verdict ?? "none";
          }
        };
        // The settlement's statement is the longer one: either may leave first.
        const [{ cancelled }, verdict] =
          n % 2 === 0
            ? await Promise.all([canceller.cancel(job.id), settle()])
            : await Promise.all([settle(), canceller.cancel(job.id)]).then(([v, c]) => [c, v] as const);
        const row = await settler.get(job.id);
        const said = `${String(cancelled)}, ${verdict}, ${row?.status ?? "gone"}, ${JSON.stringify(row?.result)}`;
        if (said === "true, cancelled, CANCELLED, null") tally.cancelled += 1;
        else if (said === "false, settled, DONE, 1") tally.done += 1;
        else tally.wrong.push(said);
      }
    }),
  );
  return tally;
}
