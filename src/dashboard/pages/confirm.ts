import { html } from "../html.ts";
import type { Html } from "../html.ts";

import { ACT_NAMES } from "../act-buttons.ts";
import { conditions, isAct, query, readFilter, statusesFor } from "../filter.ts";
import { number } from "../format.ts";
import { countMatching } from "../../core/operations/count-matching.ts";
import type { Page, View } from "../view.ts";

/** Asks before something is done to all jobs that meet a filter, and says to how many. */
export async function confirmPage(view: View): Promise<Page> {
  const { root, store, query: fields } = view;
  const what = fields.get("what");
  const filter = readFilter(fields);
  const back = html`<a href="${root}jobs${query(filter)}">Back to the jobs</a>`;
  if (!isAct(what) || view.rights[what] !== true) {
    return { title: "Not possible", status: 400, body: html`<p>You may not do this. ${back}</p>` };
  }
  const statuses = statusesFor(what, filter.status);
  const none = statuses.length === 0;
  const { count, next } = none
    ? { count: 0, next: null }
    : await countMatching(store, { ...conditions(filter), statuses });
  const about = next === null ? number(count) : `at least ${number(count)}`;
  const hidden = (name: string, value: string): Html =>
    html`<input type="hidden" name="${name}" value="${value}" />`;
  return {
    title: `${ACT_NAMES[what]}: ${about} ${count === 1 ? "job" : "jobs"}`,
    body: html`<dl class="facts">
        <dt>State</dt>
        <dd>${statuses.join(", ")}</dd>
        ${Object.entries<string>({ ...filter }).map(([name, value]) =>
          value === "" || name === "status"
            ? ""
            : html`<dt>${NAMES[name] ?? name}</dt>
                <dd>${value}</dd>`,
        )}
      </dl>
      ${
        count === 0 && next === null
          ? html`<p>None is left. ${back}</p>`
          : html`<p>At most 1,000 at a time, the newest first.</p>
              <form method="post" action="${root}act">
                ${hidden("all", "1")}
                ${Object.entries<string>({ ...filter }).map(([name, value]) => (value === "" ? "" : hidden(name, value)))}
                <button name="what" value="${what}">${ACT_NAMES[what]} these jobs</button> ${back}
              </form>`
      }`,
  };
}

const NAMES: Readonly<Record<string, string>> = {
  type: "Type",
  key: "Key",
  id: "Id",
  since: "Changed in the last",
};
