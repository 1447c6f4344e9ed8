import type { Job } from "../core/job.ts";
import { escaped } from "./terminal/printable.ts";

/** What of a job is shown only when it is asked for. */
export interface Shown {
  readonly payload?: boolean | undefined;
  readonly result?: boolean | undefined;
}

/**
 * A job as JSON, with the payload's and the result's own text where they are asked for: parsed, their numbers might lose
 * digits. Headers come with the payload, since they may hold what is as secret.
 */
export function jobJson(
  { payload: _payload, payloadText, result: _result, resultText, headers, ...job }: Job,
  shown: Shown,
  indent?: number,
): string {
  const raw = [
    ...(shown.payload === true
      ? [
          ["payload", payloadText],
          ["headers", JSON.stringify(headers)],
        ]
      : []),
    ...(shown.result === true ? [["result", resultText ?? "null"]] : []),
  ];
  const [separator = "", colon = "", end = ""] =
    indent === undefined ? ["", ":", "}"] : [`\n${" ".repeat(indent)}`, ": ", "\n}"];
  const parts = raw.map(([name = "", json = ""]) => `,${separator}"${name}"${colon}${json}`);
  return escaped(JSON.stringify(job, null, indent).slice(0, -end.length) + parts.join("") + end);
}
