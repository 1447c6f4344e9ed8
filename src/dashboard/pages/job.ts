import { html } from "../html.ts";
import type { Html } from "../html.ts";

import { actButtons, actsFor } from "../act-buttons.ts";
import { query } from "../filter.ts";
import { cut, duration, exactly } from "../format.ts";
import type { Job } from "../../core/job.ts";
import { attempts } from "../attempts.ts";
import type { Cell } from "../table.ts";
import { onLines } from "../json-text.ts";
import { safeLink } from "../safe-link.ts";
import type { Page, View } from "../view.ts";

/** More of a text does not help a reader, and a page of a megabyte helps none. */
const MOST_SHOWN = 100_000;

/** All of one job. */
export async function jobPage(view: View, id: string): Promise<Page> {
  const job = await view.store.get(id);
  if (job === null)
    return {
      title: `Job ${id}`,
      status: 404,
      body: html`<p>There is no such job: it may have been deleted.</p>`,
    };
  const { rights, root, options } = view;
  const acts = actsFor(rights, [job.status]).filter(
    (act) => act !== "run" || job.runAfter.getTime() > Date.now(),
  );
  const links = options.links?.(job) ?? [];
  return {
    title: `Job ${id}`,
    body: html`<p><strong class="${job.status}">${job.status}</strong>, <code>${job.type}</code></p>
      ${
        acts.length === 0
          ? ""
          : html`<form method="post" action="${root}act">
              <input type="hidden" name="id" value="${id}" />${actButtons(acts)}
            </form>`
      }
      ${links.length === 0 ? "" : html`<p>${links.map((link) => html`${safeLink(link)} `)}</p>`}
      <dl class="facts">
        ${facts(view, job).map(([name, value]) =>
          value === null
            ? ""
            : html`<dt>${name}</dt>
                <dd>${value}</dd>`,
        )}
      </dl>
      ${job.lastError === null ? "" : section("Last error", job.lastError)} ${attempts(job)}
      ${section("Payload", shown(view, job, "payload"))}
      ${job.status === "DONE" ? section("Result", shown(view, job, "result")) : ""}`,
  };
}

function section(title: string, text: string): Html {
  const left = text.length - MOST_SHOWN;
  return html`<h2>${title}</h2>
    <pre>${cut(text, MOST_SHOWN)}</pre>
    ${left > 0 ? html`<p class="dim">${left} characters more are not shown.</p>` : ""}`;
}

/** What is known of it, by name. */
function facts({ root }: View, job: Job): readonly (readonly [string, Cell | null])[] {
  const { attempts, maxAttempts, timeoutSeconds, dedupeKey, lockedBy, finishedAt } = job;
  const moment = (date: Date | null): Cell | null => date && exactly(date);
  return [
    ["Attempts", `${attempts} of ${maxAttempts}`],
    ["Enqueued", moment(job.createdAt)],
    ["Due", moment(job.runAfter)],
    ["Last change", moment(job.updatedAt)],
    ["Worker", lockedBy],
    ["Started", moment(job.lockedAt)],
    ["Lease until", moment(job.leaseExpiresAt)],
    ["Ended", moment(finishedAt)],
    ["Duration", finishedAt && duration(job.durationMs)],
    ["Schedule", job.schedule],
    ["Its tick", moment(job.scheduledFor)],
    ["Priority", job.priority],
    ["Timeout", timeoutSeconds && duration(timeoutSeconds * 1000)],
    ["Key", dedupeKey && html`<a href="${root}jobs${query({ key: dedupeKey })}">${dedupeKey}</a>`],
  ];
}

/** A payload or a result as text, as far as it may be shown. */
function shown({ options: { hidePayloads, redact } }: View, job: Job, column: "payload" | "result"): string {
  if (hidePayloads === true) return "(hidden)";
  const json = (column === "payload" ? job.payloadText : job.resultText) ?? "null";
  if (redact === undefined) return onLines(json);
  try {
    // Always as values: where an integer would be rounded, the job has a text, from which nothing could be left out.
    const safe = JSON.stringify(redact(JSON.parse(json), { type: job.type, column })) as string | undefined;
    return safe === undefined ? "(hidden)" : onLines(safe);
  } catch {
    // What could not be made safe is not shown.
    return "(not shown: redact failed)";
  }
}
