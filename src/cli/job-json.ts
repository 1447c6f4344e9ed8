import type { Job } from "../core/job.ts";
import { escaped } from "./terminal/printable.ts";

/** What of a job is shown only when it is asked for. */
export interface Shown {
  readonly payload?: boolean | undefined;
  readonly result?: boolean | undefined;
}

/** A job as JSON, with the payload's and the result's own text where they are asked for: its numbers keep all digits. */
export function jobJson({ payload, result, ...job }: Job, shown: Shown, indent?: number): string {
  const raw = {
    ...(shown.payload === true ? { payload } : {}),
    ...(shown.result === true ? { result } : {}),
  };
  const [separator, end] = indent === undefined ? ["", "}"] : [`\n${" ".repeat(indent)}`, "\n}"];
  const parts = Object.entries(raw).map(
    ([name, json]) => `,${separator}"${name}":${indent === undefined ? "" : " "}${jsonText(json)}`,
  );
  const text = JSON.stringify(job, null, indent);
  return escaped(parts.length === 0 ? text : text.slice(0, -end.length) + parts.join("") + end);
}

/** The JSON text of a payload or a result that a store has left as it was. */
export function jsonText(value: unknown): string {
  return typeof value === "string" ? value : "null";
}
