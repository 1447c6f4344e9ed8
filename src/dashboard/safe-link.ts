import { html } from "./html.ts";
import type { Html } from "./html.ts";

import type { DashboardLink } from "./options.ts";

/** A link of the application's; one that could run a script stays a text. */
export function safeLink({ label, href }: DashboardLink): Html | string {
  // Browsers leave control characters and blanks out of a scheme.
  const scheme = /^[^/?#]*:/.exec(href.replace(/[\p{Cc}\s]/gu, ""))?.[0].toLowerCase();
  const safe = scheme === undefined || scheme === "http:" || scheme === "https:";
  return safe ? html`<a href="${href}" rel="noreferrer">${label}</a>` : label;
}
