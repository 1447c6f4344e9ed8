import { markdown } from "bun";
import type { Handlers } from "pqrun";

import type { jobs } from "./jobs.ts";

/** The handlers: `render` makes HTML of Markdown, with the renderer that Bun has. */
export const handlers: Handlers<typeof jobs> = {
  render: ({ payload }) => {
    let title: string | null = null;
    markdown.render(payload.markdown, { heading: (text) => (title ??= text) });
    // A caller's own tags come out as text.
    return { title, html: markdown.html(payload.markdown, { noHtmlBlocks: true, noHtmlSpans: true }) };
  },
};
