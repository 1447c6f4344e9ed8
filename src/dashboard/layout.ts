import { html, raw } from "./html.ts";
import type { Html } from "./html.ts";

import { LIVE_SCRIPT } from "./live-script.ts";
import { notice } from "./notice.ts";
import { safeLink } from "./safe-link.ts";
import { STYLE } from "./style.ts";
import type { Page, View } from "./view.ts";

const PAGES = [
  ["", "Overview"],
  ["jobs", "Jobs"],
  ["failures", "Failures"],
  ["schedules", "Schedules"],
  ["workers", "Workers"],
] as const;

/** A whole page. */
export function layout(view: View, { title, body, live = false }: Page): Html {
  const { root, nonce, options, store } = view;
  const { schema, table } = store.connection.names;
  const link = ([path, name]: (typeof PAGES)[number]): Html =>
    html`<a href="${root}${path}" ${name === title ? raw('aria-current="page"') : ""}>${name}</a> `;
  return html`<!doctype html>
    <html lang="en">
      <head>
        <meta charset="utf-8" />
        <meta name="viewport" content="width=device-width" />
        <title>${title} · pqrun</title>
        <style nonce="${nonce}">
          ${raw(STYLE)}
        </style>
      </head>
      <body>
        <a class="skip" href="#main">To the content</a>
        <header>
          <nav aria-label="Dashboard">${PAGES.map(link)}</nav>
          <p>${options.home === undefined ? "" : safeLink(options.home)} <code>${schema}.${table}</code></p>
        </header>
        <main id="main">
          <h1>${title}</h1>
          ${notice(view)} ${body}
        </main>
        ${
          live
            ? html`<script nonce="${nonce}">
                ${raw(LIVE_SCRIPT)};
              </script>`
            : ""
        }
      </body>
    </html>`;
}
