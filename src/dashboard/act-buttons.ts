import { html } from "./html.ts";
import type { Html } from "./html.ts";

import { canDo } from "./filter.ts";
import type { Act } from "./filter.ts";
import type { Rights } from "./options.ts";

/** What a button that does it says. */
export const ACT_NAMES = { retry: "Retry", cancel: "Cancel", run: "Run now" } as const satisfies Record<
  Act,
  string
>;

/** The acts that the caller may do, to jobs in one of these states. */
export function actsFor(rights: Rights, statuses: readonly string[]): readonly Act[] {
  const all: readonly Act[] = ["retry", "cancel", "run"];
  return all.filter((act) => rights[act] === true && statuses.some((status) => canDo(act, status)));
}

/** A button for each: all of one form, which says to what. */
export function actButtons(acts: readonly Act[]): readonly Html[] {
  return acts.map((act) => html`<button name="what" value="${act}">${ACT_NAMES[act]}</button> `);
}
