import type { Source } from "./jobs.ts";

/** What to summarize: a text, or a Markdown file; undefined where it is neither. */
export function readSource(body: unknown): Source | undefined {
  if (typeof body !== "object" || body === null) return undefined;
  if ("text" in body && typeof body.text === "string" && body.text.trim() !== "") return { text: body.text };
  if ("path" in body && typeof body.path === "string" && /^[^\0]{1,400}\.md$/i.test(body.path))
    return { path: body.path };
  return undefined;
}

/** The ids of 1 to 1,000 jobs, or undefined. */
export function readIds(body: unknown): string[] | undefined {
  if (typeof body !== "object" || body === null || !("summaryIds" in body)) return undefined;
  const ids: unknown = body.summaryIds;
  const isId = (id: unknown): id is string => typeof id === "string" && /^\d{1,18}$/.test(id);
  return Array.isArray(ids) && ids.length >= 1 && ids.length <= 1_000 && ids.every(isId) ? ids : undefined;
}
