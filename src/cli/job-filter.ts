import { JOB_STATUSES, type JobStatus } from "../core/job.ts";
import { UsageError } from "./command.ts";
import { momentAt } from "./moments.ts";
import type { CliOptions } from "./options.ts";
import { suggestion } from "./suggestion.ts";

/** The options that say which jobs. */
export const FILTER_OPTIONS = {
  status: {
    ...{ type: "string", value: "S,…", values: JOB_STATUSES, multiple: true },
    help: "only jobs in these states: ready, running, done, failed, cancelled",
  },
  type: { type: "string", value: "T,…", multiple: true, help: "only jobs of these types" },
  key: { type: "string", value: "K", help: "only jobs with this dedupe key" },
  since: {
    ...{ type: "string", value: "W" },
    help: "only jobs enqueued or changed since: a span such as 1h, or a time such as 2026-12-24T18:00Z",
  },
} as const satisfies CliOptions;

/** What the command line says of {@link FILTER_OPTIONS}. */
interface FilterArguments {
  readonly status?: readonly string[] | undefined;
  readonly type?: readonly string[] | undefined;
  readonly key?: string | undefined;
  readonly since?: string | undefined;
}

/** Which jobs, as the store's reads and acts take it; a condition that was not given is absent. */
interface JobConditions {
  readonly statuses?: readonly JobStatus[];
  readonly types?: readonly string[];
  readonly dedupeKey?: string;
  readonly since?: Date;
}

/** @throws UsageError naming the option. */
export function jobConditions({ status, type, key, since }: FilterArguments): JobConditions {
  return {
    ...(status === undefined ? {} : { statuses: listed(status).map(statusOf) }),
    ...(type === undefined ? {} : { types: listed(type) }),
    ...(key === undefined ? {} : { dedupeKey: key }),
    ...(since === undefined ? {} : { since: momentAt("since", since, -1) }),
  };
}

function listed(values: readonly string[]): readonly string[] {
  return values.flatMap((value) => value.split(",")).filter((value) => value !== "");
}

function statusOf(text: string): JobStatus {
  const status = JOB_STATUSES.find((one) => one === text.toUpperCase());
  if (status !== undefined) return status;
  const near = suggestion(text.toUpperCase(), JOB_STATUSES);
  throw new UsageError(`--status: expected ${JOB_STATUSES.join(", ")}${near}`);
}
