import { html } from "../html.ts";
import type { Html } from "../html.ts";

import { query } from "../filter.ts";
import { ago, cut, number } from "../format.ts";
import { failures } from "../../core/operations/failures.ts";
import { tableOf } from "../table.ts";
import type { Page, View } from "../view.ts";

/** FAILED jobs by type and the first line of their error, most first. */
export async function failuresPage({ store, root, rights }: View): Promise<Page> {
  const { groups, looked, complete } = await failures(store);
  const retry = (type: string): Html =>
    html`<a href="${root}confirm${query({ what: "retry", status: "FAILED", type })}"
      >Retry all of ${type}…</a
    >`;
  const rows = groups.map(({ type, error, count, lastAt, lastId }) => [
    html`<a href="${root}jobs${query({ status: "FAILED", type })}">${type}</a>`,
    number(count),
    cut(error, 500),
    ago(lastAt),
    html`<a href="${root}jobs/${lastId}">${lastId}</a>`,
    ...(rights.retry === true ? [retry(type)] : []),
  ]);
  const heads = ["Type", "Jobs", "Error", "Newest", "Job", ...(rights.retry === true ? ["Act"] : [])];
  return {
    title: "Failures",
    body: html`${tableOf("FAILED jobs by type and the first line of their error", heads, rows)}
    ${complete ? "" : html`<p>Of the newest ${number(looked)} FAILED jobs; there are more.</p>`}`,
  };
}
