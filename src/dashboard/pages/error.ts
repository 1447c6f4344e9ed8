import { html } from "../html.ts";

import { isPqrunError } from "../../core/errors.ts";
import type { Page } from "../view.ts";

/** A page for what the store refuses; any other error is the application's to handle. */
export function errorPage(error: unknown): Page {
  if (!isPqrunError(error, "table") && !isPqrunError(error, "invalid-input")) throw error;
  return { title: "Not possible", status: 400, body: html`<p>${error.message}</p>` };
}
