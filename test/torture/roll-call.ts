/** After all faults: whether every runner still works, and every worker hears of inserts. */
import { setTimeout as pause } from "node:timers/promises";

import type { Client } from "pg";

import { withClient } from "../support/postgres.ts";
import type { Slot } from "./fleet.ts";
import type { LedgerWriter } from "./ledger.ts";
import type { SessionFaults } from "./session-faults.ts";

/** How long it may take them. They look each two seconds, and drains begin anew each five. */
const PATIENCE_MS = 60_000;
const AGAIN_MS = 1_000;
/** Nobody handles it: it is there for its NOTIFY, and gone with its commit. */
const NOBODYS = `BEGIN; INSERT INTO public.jobs (job_type) VALUES ('nobody''s');
  DELETE FROM public.jobs WHERE job_type = 'nobody''s'; COMMIT`;
const CALL = `INSERT INTO public.jobs (job_type, payload)
  SELECT t, jsonb_build_object('m', 'call-' || t) FROM unnest($1::text[]) AS t RETURNING id::text AS id, job_type AS type`;

interface Options {
  readonly url: string;
  readonly slots: readonly Slot[];
  readonly ledger: LedgerWriter;
  readonly sessions: SessionFaults;
  /** Whether anything befalls them before. */
  readonly after: boolean;
}

/**
 * The last faults, on all at once: sessions forget their named statements, LISTENing ones go silent, and who waits is
 * forgotten. Then each runner is called by a job that only it handles, and each worker must hear of an insert.
 */
export async function callRoll({ url, slots, ledger, sessions, after }: Options): Promise<void> {
  const runners = slots.filter(({ calls }) => calls.length > 0);
  for (const slot of after ? runners : []) {
    ledger.write({ k: "forgot", p: slot.label, t: Date.now() });
    slot.tell("DISCARD ALL");
    slot.wire.silence();
  }
  if (after) await sessions.truncateWaiting();
  await withClient(url, async (client) => {
    const unheard = await unheardBy(client, runners);
    for (const id of unheard) ledger.write({ k: "found", account: "deaf", id, why: "hears of no insert" });
    for (const id of await uncalled(client, runners, ledger))
      ledger.write({ k: "found", account: "deaf", id, why: "runs no job" });
  });
}

/** Workers that LISTEN, and whose connections no notification has come through. */
async function unheardBy(client: Client, runners: readonly Slot[]): Promise<readonly string[]> {
  const workers = runners.filter(({ member }) => member.role === "worker");
  const before = new Map(workers.map((slot) => [slot, slot.wire.notified]));
  const left = (): readonly Slot[] => workers.filter((slot) => slot.wire.notified === before.get(slot));
  for (let waited = 0; waited < PATIENCE_MS && left().length > 0; waited += AGAIN_MS) {
    await client.query(NOBODYS);
    await pause(AGAIN_MS);
  }
  return left().map(({ label }) => label);
}

/** Runners that have not done the job that they alone handle. */
async function uncalled(
  client: Client,
  runners: readonly Slot[],
  ledger: LedgerWriter,
): Promise<readonly string[]> {
  const types = runners.flatMap(({ calls }) => calls);
  const m = types.map((type) => `call-${type}`);
  ledger.write({ k: "intent", m, keys: m.map(() => null) });
  const { rows } = await client.query<{ id: string; type: string }>(CALL, [types]);
  const own = rows.map(({ type }) => `call-${type}`);
  ledger.write({ k: "ack", m: own, ids: rows.map(({ id }) => id), c: own.map(() => true) });
  let left: readonly string[] = types;
  for (let waited = 0; waited < PATIENCE_MS && left.length > 0; waited += AGAIN_MS) {
    await pause(AGAIN_MS);
    const open = await client.query<{ type: string }>(
      "SELECT job_type AS type FROM public.jobs WHERE job_type = ANY ($1) AND status IN ('READY', 'RUNNING')",
      [types],
    );
    left = open.rows.map(({ type }) => type);
  }
  return left;
}
