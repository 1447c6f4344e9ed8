import type { Html } from "./html.ts";
import type { DashboardOptions, DashboardStore, Rights } from "./options.ts";

/** What a page knows of its request. */
export interface View {
  readonly store: DashboardStore;
  readonly rights: Rights;
  readonly options: Pick<DashboardOptions, "redact" | "hidePayloads" | "links" | "home">;
  /** Where the dashboard is, seen from this page: begins relative links, so that it may stand below any path. */
  readonly root: string;
  readonly nonce: string;
  readonly query: URLSearchParams;
}

/** What a page shows. */
export interface Page {
  readonly title: string;
  readonly body: Html;
  /** Whether the script that keeps figures up to date comes with it. */
  readonly live?: boolean;
  /** @default 200 */
  readonly status?: 200 | 400 | 404;
}

/**
 * How a page at `path` reaches the dashboard's root, where `pattern` is the page's path below it.
 *
 * A relative link is read against the last `/`: at the root there may be none behind the dashboard's own name.
 */
export function rootFrom(path: string, pattern: string): string {
  const depth = pattern.split("/").length - 2;
  if (depth > 0) return "../".repeat(depth);
  return pattern === "/" && !path.endsWith("/") ? `./${path.slice(path.lastIndexOf("/") + 1)}/` : "./";
}
