import { html } from "../html.ts";
import type { Html } from "../html.ts";

import { isPqrunError } from "../../core/errors.ts";
import { readSchedules, schedulesStatement } from "../../core/schedules/schedule-operations.ts";
import type { Schedule } from "../../core/schedules/schedule-operations.ts";
import { sendSchedule } from "../../core/schedules/send-schedule.ts";
import { ago, firstLine } from "../format.ts";
import { tableOf } from "../table.ts";
import type { Cell } from "../table.ts";
import type { Page, View } from "../view.ts";

/** All schedules by name. */
export async function schedulesPage(view: View): Promise<Page> {
  const found = await schedulesOf(view);
  const heads = [
    "Name",
    "Job",
    "When",
    "Next",
    "Last",
    "Last job",
    "Owner",
    ...(mayAct(view) ? ["Act"] : []),
  ];
  return {
    title: "Schedules",
    body:
      found === undefined
        ? html`<p>This table has no schedules yet: run <code>pqrun migrate</code>.</p>`
        : tableOf(
            "Schedules",
            heads,
            found.map((schedule) => rowOf(view, schedule)),
          ),
  };
}

/** Undefined where the table is older than schedules. */
async function schedulesOf({ store: { connection } }: View): Promise<readonly Schedule[] | undefined> {
  try {
    return readSchedules(
      await sendSchedule(connection, "schedules", schedulesStatement(connection.names), { reads: true }),
    );
  } catch (error) {
    if (isPqrunError(error, "table")) return undefined;
    throw error;
  }
}

function mayAct({ rights }: View): boolean {
  return rights.run === true || rights.pause === true;
}

function rowOf(view: View, schedule: Schedule): readonly Cell[] {
  const { root, rights } = view;
  const {
    name,
    job,
    cron,
    timeZone,
    nextTick,
    lastTick,
    lastJobId,
    lastJobStatus,
    paused,
    lastError,
    owner,
  } = schedule;
  const button = (what: string, text: string): Html =>
    html`<button name="what" value="${what}" aria-label="${text}: ${name}">${text}</button> `;
  const acts = [
    rights.run === true ? button("run", "Run now") : "",
    rights.pause !== true
      ? ""
      : paused || lastError !== null
        ? button("resume", "Resume")
        : button("pause", "Pause"),
  ];
  return [
    name,
    job,
    html`<code>${cron}</code> ${timeZone}`,
    lastError === null
      ? paused
        ? "paused"
        : ago(nextTick)
      : html`<span class="bad">stopped: ${firstLine(lastError)}</span>`,
    ago(lastTick),
    lastJobId === null
      ? "–"
      : html`<a href="${root}jobs/${lastJobId}">${lastJobId}</a> ${lastJobStatus ?? "deleted"}`,
    owner ?? "–",
    ...(mayAct(view)
      ? [
          html`<form method="post" action="${root}act">
            <input type="hidden" name="schedule" value="${name}" />${acts}
          </form>`,
        ]
      : []),
  ];
}
