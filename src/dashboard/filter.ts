import type { JobFilter } from "../core/sql/matching-jobs.ts";
import { isJobStatus } from "../core/job.ts";
import type { JobStatus } from "../core/job.ts";

/** Spans that a filter offers, in minutes. */
export const SPANS = { "15m": 15, "1h": 60, "24h": 1_440, "7d": 10_080 } as const;

/** Which jobs, as the URL has it. What stands there and can't be read is no condition. */
export interface Filter {
  readonly status: JobStatus | "";
  readonly type: string;
  readonly key: string;
  readonly id: string;
  readonly since: keyof typeof SPANS | "";
}

/** Whether a text is a job's id. */
export function isId(text: string | null): text is string {
  return /^-?\d{1,18}$/.test(text ?? "");
}

/** Reads a filter from a URL's query or a form's fields. */
export function readFilter(fields: URLSearchParams): Filter {
  const field = (name: string): string => fields.get(name) ?? "";
  const [status, since, id] = [field("status"), field("since"), field("id").trim()];
  return {
    status: isJobStatus(status) ? status : "",
    type: field("type"),
    key: field("key"),
    id: isId(id) ? id : "",
    since: isSpan(since) ? since : "",
  };
}

/** The filter in the store's words. */
export function conditions({ status, type, key, id, since }: Filter): JobFilter {
  return {
    ...(status === "" ? {} : { statuses: [status] }),
    ...(type === "" ? {} : { types: [type] }),
    ...(key === "" ? {} : { dedupeKey: key }),
    ...(id === "" ? {} : { ids: [id] }),
    ...(since === "" ? {} : { since: new Date(Date.now() - SPANS[since] * 60_000) }),
  };
}

/** A URL's query, without what is empty. */
export function query(...fields: readonly object[]): string {
  const all = fields.flatMap((some) => Object.entries(some) as [string, string | number][]);
  const given = all
    .filter(([, value]) => value !== "")
    .map(([name, value]): [string, string] => [name, String(value)]);
  return given.length === 0 ? "" : `?${new URLSearchParams(given).toString()}`;
}

/** What is done to many jobs. */
export type Act = "retry" | "cancel" | "run";

const STATUSES = {
  retry: ["FAILED", "CANCELLED"],
  cancel: ["READY", "RUNNING"],
  run: ["READY"],
} as const satisfies Record<Act, readonly JobStatus[]>;

/** In which states the jobs are to which it is done: the first of them, unless the filter names one. None where it names another. */
export function statusesFor(act: Act, status: JobStatus | ""): readonly JobStatus[] {
  const possible: readonly JobStatus[] = STATUSES[act];
  return possible.filter((one) => one === (status === "" ? possible[0] : status));
}

/** Whether it can be done to a job in this state. */
export function canDo(act: Act, status: string): boolean {
  return (STATUSES[act] as readonly string[]).includes(status);
}

/** All states in which it can be done. */
export function allStatusesFor(act: Act): readonly JobStatus[] {
  return STATUSES[act];
}

export function isAct(text: unknown): text is Act {
  return typeof text === "string" && Object.hasOwn(STATUSES, text);
}

function isSpan(text: string): text is keyof typeof SPANS {
  return Object.hasOwn(SPANS, text);
}
