import { pauseStatement, runStatement } from "../core/schedules/schedule-operations.ts";
import { sendSchedule } from "../core/schedules/send-schedule.ts";
import { cells } from "../core/job.ts";
import { allStatusesFor, conditions, isAct, isId, query, readFilter, statusesFor } from "./filter.ts";
import type { Act } from "./filter.ts";
import { cancelMany } from "../core/operations/cancel-many.ts";
import { redrive } from "../core/operations/redrive.ts";
import { runNow } from "../core/operations/run-now.ts";
import type { BulkAnswer } from "../core/sql/bulk-act.ts";
import type { DashboardAction, Rights } from "./options.ts";
import type { View } from "./view.ts";

/** What was done, and the page that says so, from the dashboard's root. */
export interface Done {
  readonly action: Omit<DashboardAction, "c">;
  readonly to: string;
}

/** The right that an act takes; undefined where there is no such act. */
export function rightFor(what: string): keyof Rights | undefined {
  if (isAct(what)) return what;
  return what === "pause" || what === "resume" ? "pause" : undefined;
}

/** Does what a form asks for; undefined where it asks for nothing that can be done. */
export async function act(view: View, what: string, fields: URLSearchParams): Promise<Done | undefined> {
  const schedule = fields.get("schedule");
  if (schedule !== null && schedule !== "") return await actOnSchedule(view, what, schedule);
  if (!isAct(what)) return undefined;
  if (fields.get("all") === "1") return await actOnAll(view, what, fields);
  const ids = [...new Set(fields.getAll("id"))].filter(isId).slice(0, 1_000);
  return ids.length === 0 ? undefined : await actOnThese(view, what, ids, fields);
}

const ACTS = { retry: redrive, cancel: cancelMany, run: runNow } as const;

async function actOnAll({ store }: View, what: Act, fields: URLSearchParams): Promise<Done | undefined> {
  const filter = readFilter(fields);
  const statuses = statusesFor(what, filter.status);
  if (statuses.length === 0) return undefined;
  const answer = await ACTS[what](store, { ...conditions(filter), statuses });
  return done(what, answer, `confirm${query(filter, { what }, figures(what, answer))}`);
}

async function actOnThese(
  { store }: View,
  what: Act,
  ids: readonly string[],
  fields: URLSearchParams,
): Promise<Done> {
  const answer = await ACTS[what](store, { ids, statuses: allStatusesFor(what) });
  const back = fields.get("back");
  // A job's own page sends one, and no filter to go back to.
  const page = back === null && ids.length === 1 ? `jobs/${ids.join()}` : "jobs";
  const filter = readFilter(new URLSearchParams(back ?? ""));
  return done(what, answer, page + query(filter, figures(what, answer)));
}

function done(what: Act, { ids }: BulkAnswer, to: string): Done {
  return { action: { what, ids }, to };
}

function figures(did: Act, { done, left, leftOut }: BulkAnswer): object {
  const [twin, ...more] = leftOut.flatMap(({ blockedBy }) => blockedBy ?? []);
  const twins = twin === undefined ? "" : 1 + more.length;
  return {
    did,
    n: done,
    left: left || "",
    twins,
    twin: twin ?? "",
    locked: leftOut.length - Number(twins) || "",
  };
}

async function actOnSchedule(
  { store: { connection } }: View,
  what: string,
  schedule: string,
): Promise<Done | undefined> {
  if (what === "run") {
    const [row] = await sendSchedule(connection, "runSchedule", runStatement(connection.names, schedule));
    const [, id] = cells(row ?? {});
    const ids = typeof id === "string" ? [id] : [];
    return { action: { what, ids, schedule }, to: `schedules${query({ did: "make", n: ids.length })}` };
  }
  if (what !== "pause" && what !== "resume") return undefined;
  const statement = pauseStatement(connection.names, schedule, what === "pause");
  const rows = await sendSchedule(connection, `${what}Schedule`, statement);
  return { action: { what, ids: [], schedule }, to: `schedules${query({ did: what, n: rows.length })}` };
}
