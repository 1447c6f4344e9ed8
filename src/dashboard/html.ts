import { html, raw } from "hono/html";

/** A piece of a page, in which every text that was put in is escaped. */
export type Html = ReturnType<typeof html>;

export { html, raw };
