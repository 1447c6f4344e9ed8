import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import { pickUpOf, type TestQueue } from "./queue.ts";

const TRIGGER = `
CREATE FUNCTION pause() RETURNS trigger LANGUAGE plpgsql AS
  'BEGIN PERFORM pg_advisory_xact_lock_shared(1); RETURN NEW; END';
CREATE TRIGGER pause BEFORE UPDATE ON jobs FOR EACH ROW WHEN (OLD.job_type = 'pause') EXECUTE FUNCTION pause()`;

/**
 * Runs a turn that stops half-way: its snapshot is taken and its pick-up under
 * way, but it has not yet looked at the rows that it is to settle or reap.
 * Meanwhile `work` runs to its end on other sessions.
 */
export async function whilePaused(
  queue: TestQueue,
  request: Omit<TurnRequest, "pickUp">,
  work: () => Promise<unknown>,
): Promise<TurnAnswer> {
  await queue.insert({ job_type: "'pause'" });
  await queue.rows(TRIGGER);
  const [gate, paused] = [await queue.session(), await queue.session()];
  try {
    await gate.client.query("SELECT pg_advisory_lock(1)");
    const turn = paused.store.turn({ ...request, pickUp: pickUpOf({ types: ["pause"] }) });
    await queue.blocked(paused.pid);
    await work();
    await gate.client.query("SELECT pg_advisory_unlock(1)");
    return await turn;
  } finally {
    await queue.rows("DROP FUNCTION pause CASCADE");
  }
}
