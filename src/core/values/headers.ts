/** Texts by name, beside a job's payload: what continues a trace, a tenant, a release. */
export type JobHeaders = Readonly<Record<string, string>>;

/** Of a job without any: one for all. */
export const NO_HEADERS: JobHeaders = Object.freeze({});

/** Reads the column. What SQL has written there may be any JSON: of an object each value counts as text, of anything else nothing. */
export function readHeaders(text: string | null | undefined): JobHeaders {
  if (!text?.startsWith("{")) return NO_HEADERS;
  const found = Object.entries(JSON.parse(text) as Readonly<Record<string, unknown>>);
  return Object.fromEntries(
    found.map(([name, value]) => [name, typeof value === "string" ? value : JSON.stringify(value)]),
  );
}
