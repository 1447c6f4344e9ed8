import { html } from "./html.ts";
import type { Html } from "./html.ts";

/** What stands in a cell: text is escaped. */
export type Cell = Html | string | number;

/** A table whose first column names its rows. It can be scrolled by keyboard where it is too wide. */
export function tableOf(
  caption: string,
  heads: readonly string[],
  rows: readonly (readonly Cell[])[],
  align: "" | "numbers" = "",
): Html {
  return html`<div class="scroll" tabindex="0" role="region" aria-label="${caption}">
    <table class="${align}">
      <caption>
        ${caption}
      </caption>
      <thead>
        <tr>
          ${heads.map((head) => html`<th scope="col">${head}</th>`)}
        </tr>
      </thead>
      <tbody>
        ${rows.map(
          ([first, ...rest]) =>
            html`<tr>
              <th scope="row">${first}</th>
              ${rest.map((cell) => html`<td>${cell}</td>`)}
            </tr>`,
        )}
      </tbody>
    </table>
  </div>`;
}
