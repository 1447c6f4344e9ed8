import type { JobContract, JobContracts } from "../contract.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkJob, checkSchema } from "../enqueue/check-job.ts";
import { InvalidInputError } from "../errors.ts";
import { checkCron, checkTimeZone } from "./cron.ts";
import type { ScheduleTiming } from "./schedules.ts";

/** A schedule as it is written: the columns of its row. */
export interface ScheduleRow {
  readonly name: string;
  readonly job_type: string;
  readonly payload: unknown;
  readonly cron: string;
  readonly time_zone: string;
  readonly missed: string;
  readonly overlap: string;
  readonly jitter_seconds: number;
  readonly tick_as: string | null;
  readonly priority: number;
  readonly max_attempts: number;
  readonly timeout_seconds: number | null;
}

/** Most bytes of a name: it stands in the job's dedupe key. */
const MAX_NAME_BYTES = 200;

/** What a definition is before it was checked. */
export type UncheckedSchedule = ScheduleTiming & {
  readonly job: string;
  readonly payload?: object | undefined;
  readonly tickAs?: string | undefined;
};

/**
 * One schedule, checked, with its contract's defaults.
 *
 * @throws InvalidInputError naming what is wrong, as `nightly.cron`
 */
export async function checkSchedule(
  name: unknown,
  definition: UncheckedSchedule,
  jobs: JobContracts | undefined,
): Promise<ScheduleRow> {
  checkScheduleName(name);
  const {
    job,
    cron,
    timeZone = "UTC",
    missed = "once",
    overlap = "skip",
    jitterSeconds = 0,
    tickAs,
  } = definition;
  const contract = contractOf(`${name}.job`, job, jobs);
  checkCron(`${name}.cron`, cron);
  checkTimeZone(`${name}.timeZone`, timeZone);
  checkChoice(`${name}.missed`, missed, ["once", "all", "skip"]);
  checkChoice(`${name}.overlap`, overlap, ["skip", "allow"]);
  checkWhole(`${name}.jitterSeconds`, jitterSeconds, 0, 86_400);
  if (tickAs !== undefined && (typeof tickAs !== "string" || tickAs === "" || tickAs === "__proto__")) {
    throw new InvalidInputError(`${name}.tickAs`, "a field of the payload", tickAs);
  }
  const payload: unknown = definition.payload ?? {};
  const { priority, maxAttempts, timeoutSeconds } = definition;
  const checked = checkJob(job, payload, { priority, maxAttempts, timeoutSeconds }, contract, {}, `${name}.`);
  if (contract?.payload !== undefined) {
    // As a tick will make it.
    const made = {
      ...(payload as object),
      ...(tickAs === undefined ? {} : { [tickAs]: "2026-01-01T00:00:00Z" }),
    };
    const tick = { ...checked, payloadText: JSON.stringify(made) };
    await checkSchema(contract.payload, made, tick, `${name}.payload`);
  }
  return {
    name,
    job_type: checked.type,
    payload: JSON.parse(checked.payloadText),
    cron,
    time_zone: timeZone,
    missed,
    overlap,
    jitter_seconds: jitterSeconds,
    tick_as: tickAs ?? null,
    priority: checked.priority,
    max_attempts: checked.maxAttempts,
    timeout_seconds: checked.timeoutSeconds,
  };
}

/** @throws InvalidInputError */
export function checkScheduleName(name: unknown, field = "name"): asserts name is string {
  const fits = typeof name === "string" && /^\P{Cc}+$/u.test(name) && name.isWellFormed();
  if (!fits || new TextEncoder().encode(name).length > MAX_NAME_BYTES) {
    throw new InvalidInputError(field, `1 to ${MAX_NAME_BYTES} bytes without control characters`, name);
  }
}

function contractOf(field: string, job: unknown, jobs: JobContracts | undefined): JobContract | undefined {
  if (jobs === undefined) return undefined;
  const contract = typeof job === "string" && Object.hasOwn(jobs, job) ? jobs[job] : undefined;
  if (contract === undefined)
    throw new InvalidInputError(field, `one of ${Object.keys(jobs).join(", ")}`, job);
  return contract;
}

function checkChoice(field: string, value: unknown, choices: readonly string[]): void {
  if (typeof value !== "string" || !choices.includes(value)) {
    throw new InvalidInputError(field, choices.join(" or "), value);
  }
}
