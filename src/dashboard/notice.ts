import { html } from "./html.ts";
import type { Html } from "./html.ts";

import { isId } from "./filter.ts";
import { number } from "./format.ts";
import type { View } from "./view.ts";

const DID: Readonly<Record<string, string>> = {
  retry: "Made READY again",
  cancel: "Cancelled",
  run: "Due now",
  pause: "Paused",
  resume: "Resumed",
  make: "Jobs made",
};

/** What the act before this page did: the URL has its name and figures, and all words stand here. */
export function notice({ query, root }: View): Html | string {
  const did = query.get("did") ?? "";
  if (!Object.hasOwn(DID, did)) return "";
  const figure = (name: string): number => Number(/^\d{1,6}$/.exec(query.get(name) ?? "")?.[0] ?? 0);
  const unless0 = (name: string, text: string): string =>
    figure(name) > 0 ? ` ${text}: ${number(figure(name))}.` : "";
  const twin = query.get("twin");
  return html`<p role="status" class="notice">
    ${DID[did]}: ${number(figure("n"))}. ${unless0("twins", "Left out, as an active job has the same key")}
    ${isId(twin) ? html`<a href="${root}jobs/${twin}">Job ${twin}</a> has it.` : ""}
    ${unless0("locked", "Left out, as locked")} ${unless0("left", "Left, at least")}
  </p>`;
}
