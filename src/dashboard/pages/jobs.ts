import { html, raw } from "../html.ts";
import type { Html } from "../html.ts";

import { ACT_NAMES, actButtons, actsFor } from "../act-buttons.ts";
import { SPANS, conditions, isId, query, readFilter, statusesFor } from "../filter.ts";
import type { Act, Filter } from "../filter.ts";
import { ago, firstLine } from "../format.ts";
import { JOB_STATUSES } from "../../core/job.ts";
import type { Job } from "../../core/job.ts";
import { tableOf } from "../table.ts";
import type { Cell } from "../table.ts";
import type { Page, View } from "../view.ts";

const LIMIT = 50;
const HEADS = ["Job", "Type", "State", "Attempts", "Key", "Enqueued", "Due or ended", "Error"];
const SPAN_NAMES = { "15m": "15 minutes", "1h": "hour", "24h": "24 hours", "7d": "7 days" } as const;

/** A page of the jobs that meet a filter, newest first. */
export async function jobsPage(view: View): Promise<Page> {
  const { root, rights, store } = view;
  const filter = readFilter(view.query);
  const asked = view.query.get("before");
  const before = isId(asked) ? asked : undefined;
  const { jobs, next } = await store.page({ ...conditions(filter), beforeId: before, limit: LIMIT });
  const acts = actsFor(rights, [...new Set(jobs.map(({ status }) => status))]);
  const older =
    next === null
      ? ""
      : html`<a href="${root}jobs${query(filter, { before: next })}" rel="next">Older jobs</a>`;
  const newest = before === undefined ? "" : html`<a href="${root}jobs${query(filter)}">Newest jobs</a> `;
  const table = tableOf(
    "Jobs, newest first",
    HEADS,
    jobs.map((job) => rowOf(root, job, acts.length > 0)),
  );
  const none = next === null ? "No such jobs." : "None here; older ones may be.";
  return {
    title: "Jobs",
    body: html`${filterForm(filter)} ${forAll(view, filter)}
      ${
        jobs.length === 0
          ? html`<p>${none}</p>`
          : acts.length === 0
            ? table
            : html`<form method="post" action="${root}act">
                <input type="hidden" name="back" value="${query(filter)}" />${table}
                <p>With those selected: ${actButtons(acts)}</p>
              </form>`
      }
      <p>${newest}${older}</p>`,
  };
}

function rowOf(root: string, job: Job, choose: boolean): readonly Cell[] {
  const { id, type, status, attempts, maxAttempts, dedupeKey, createdAt, runAfter, finishedAt, lastError } =
    job;
  const box = html`<input type="checkbox" name="id" value="${id}" aria-label="Select job ${id}" /> `;
  return [
    html`${choose ? box : ""}<a href="${root}jobs/${id}">${id}</a>`,
    type,
    html`<span class="${status}">${status}</span>`,
    `${attempts} of ${maxAttempts}`,
    dedupeKey ?? "",
    ago(createdAt),
    ago(finishedAt ?? runAfter),
    firstLine(lastError),
  ];
}

function filterForm({ status, type, key, id, since }: Filter): Html {
  const option = (value: string, name: string, chosen: string): Html =>
    html`<option value="${value}" ${value === chosen ? raw("selected") : ""}>${name}</option>`;
  const field = (name: string, label: string, value: string): Html =>
    html`<label>${label}<br /><input name="${name}" value="${value}" /></label>`;
  const spans = Object.keys(SPANS) as (keyof typeof SPANS)[];
  return html`<form class="row" role="search" aria-label="Which jobs">
    <label
      >State<br /><select name="status">
        ${option("", "any", status)}${JOB_STATUSES.map((one) => option(one, one, status))}
      </select></label
    >
    ${field("type", "Type", type)} ${field("key", "Key", key)} ${field("id", "Id", id)}
    <label
      >Changed in the last<br /><select name="since">
        ${option("", "(ever)", since)}${spans.map((span) => option(span, SPAN_NAMES[span], since))}
      </select></label
    >
    <button>Show</button>
  </form>`;
}

/** Links to what asks before anything is done to all that match. */
function forAll({ root, rights }: View, filter: Filter): Html | string {
  if (filter.id !== "") return "";
  const acts = actsFor(rights, filter.status === "" ? JOB_STATUSES : [filter.status]);
  if (acts.length === 0) return "";
  const link = (what: Act): Html =>
    html`<a href="${root}confirm${query(filter, { what })}"
      >${ACT_NAMES[what]} all ${statusesFor(what, filter.status).join(" and ")}…</a
    > `;
  return html`<p>Of all that match: ${acts.map(link)}</p>`;
}
