import type { JobContract, JobDefaults } from "../contract.ts";
import type { CheckedJob, EnqueueKeys, OtherKey } from "./enqueue.ts";
import type { KeyOptions } from "./keys/key-options.ts";
import { InvalidInputError } from "../errors.ts";
import { USUAL } from "../job.ts";
import type { JobHeaders } from "../values/headers.ts";
import { PAYLOAD_LIMITS, encodePayload } from "../values/json.ts";
import { checkWhole } from "../values/check-number.ts";
import { CALL_OPTIONS, checkOptions } from "../values/known-options.ts";
import { issuesText } from "../values/standard-schema.ts";
import type { StandardSchema } from "../values/standard-schema.ts";

/** How one job is to be enqueued. */
export interface EnqueueOptions extends JobDefaults, KeyOptions {
  /**
   * While a job with this key is READY or RUNNING, another enqueue writes
   * nothing and returns that job's id; one of another type is refused. 1 to 512
   * characters.
   */
  readonly dedupeKey?: string | undefined;
  /**
   * Whose limit of `concurrency: { perKey }` the job counts against: 1 to 512 characters. It goes before what the
   * contract's `concurrency.key` makes of the payload.
   *
   * @default that, or none
   */
  readonly concurrencyKey?: string | undefined;
  /** Not before. @default now, by the database's clock */
  readonly runAfter?: Date | undefined;
  /**
   * Not before so many milliseconds from now, by the database's clock: a whole number from 0 to 1,000,000,000,000
   * (31 years). Not together with `runAfter`.
   *
   * @default 0
   */
  readonly delayMs?: number | undefined;
  /**
   * Texts by name beside the payload, which `ctx.job.headers` and `get` give back: what continues a trace, a tenant. At most
   * 8,192 bytes of JSON. A retry has them still; a job that a schedule makes has none.
   *
   * @default none
   */
  readonly headers?: JobHeaders | undefined;
}

/** Bounds that an application may set on what it enqueues. */
export interface PayloadLimits {
  /** Most bytes of one payload's JSON, at most 8 MiB. @default 1,048,576 */
  readonly maxPayloadBytes?: number | undefined;
  /** Most levels of nesting, at most 1,000. @default 100 */
  readonly maxPayloadDepth?: number | undefined;
}

const ENQUEUE_OPTIONS = {
  priority: true,
  maxAttempts: true,
  timeoutSeconds: true,
  dedupeKey: true,
  concurrencyKey: true,
  idempotencyKey: true,
  throttle: true,
  debounce: true,
  runAfter: true,
  delayMs: true,
  headers: true,
} as const satisfies Record<keyof EnqueueOptions, true>;
/** Of a call for one job, which has its call's options too. */
const ONE_JOB_OPTIONS = { ...ENQUEUE_OPTIONS, ...CALL_OPTIONS };

/** Most characters of a job type. */
const MAX_TYPE_LENGTH = 256;
/** Most characters of a key: an index row of PostgreSQL holds 2,704 bytes. */
export const MAX_KEY_LENGTH = 512;

/** A value that is no text is stored as it is, and read as its JSON. */
const HEADER_LIMITS = { ...PAYLOAD_LIMITS, maxBytes: 8_192, maxDepth: 1 };
const MAX_PAYLOAD_BYTES = 8_388_608;
const MAX_PAYLOAD_DEPTH = 1_000;
const MAX_DELAY_MS = 1e12;
const INT4 = { min: -2_147_483_648, max: 2_147_483_647 };

/**
 * One job, checked but for its contract's schema, with its contract's defaults.
 * `field` is how the caller knows the job: empty, or `jobs[3].`.
 *
 * @throws InvalidInputError naming what is wrong. Nothing has been sent then.
 */
export function checkJob(
  type: unknown,
  payload: unknown,
  options: EnqueueOptions,
  contract: JobContract | undefined,
  limits: PayloadLimits & { readonly keys?: EnqueueKeys | undefined },
  field = "",
): CheckedJob {
  checkOptions(options, field === "" ? ONE_JOB_OPTIONS : ENQUEUE_OPTIONS, field);
  checkText(`${field}type`, type, MAX_TYPE_LENGTH);
  const { dedupeKey, concurrencyKey, runAfter, delayMs, headers, idempotencyKey, throttle, debounce } =
    options;
  let key: OtherKey | undefined;
  if (idempotencyKey !== undefined || throttle !== undefined || debounce !== undefined) {
    if (limits.keys === undefined)
      throw new InvalidInputError("keys", "enqueueKeys of pqrun/keys", undefined);
    key = limits.keys.check(options, field);
  }
  for (const name of ["dedupeKey", "concurrencyKey"] as const) {
    if (options[name] !== undefined) checkText(field + name, options[name], MAX_KEY_LENGTH);
  }
  const priority = options.priority ?? contract?.priority ?? USUAL.priority;
  checkWhole(`${field}priority`, priority, INT4.min, INT4.max);
  const maxAttempts = options.maxAttempts ?? contract?.maxAttempts ?? USUAL.maxAttempts;
  checkWhole(`${field}maxAttempts`, maxAttempts, 1, INT4.max);
  const timeoutSeconds = options.timeoutSeconds ?? contract?.timeoutSeconds ?? null;
  if (timeoutSeconds !== null) checkWhole(`${field}timeoutSeconds`, timeoutSeconds, 1, INT4.max);
  if (delayMs !== undefined) {
    checkWhole(`${field}delayMs`, delayMs, 0, MAX_DELAY_MS);
    if (runAfter !== undefined) throw new InvalidInputError(`${field}delayMs`, "no runAfter", delayMs);
  }
  let changed = false;
  const payloadText = encodePayload(payload, `${field}payload`, {
    ...PAYLOAD_LIMITS,
    onChange: () => {
      changed = true;
    },
    maxBytes: limits.maxPayloadBytes ?? PAYLOAD_LIMITS.maxBytes,
    maxDepth: limits.maxPayloadDepth ?? PAYLOAD_LIMITS.maxDepth,
  });
  return {
    type,
    payloadText,
    changed,
    dedupeKey: dedupeKey ?? null,
    concurrency_key: concurrencyKey,
    key,
    priority,
    runAfter: runAfter === undefined ? null : isoOf(`${field}runAfter`, runAfter),
    delayMs: key?.delayMs ?? delayMs,
    headers: headers && encodePayload(headers, `${field}headers`, HEADER_LIMITS),
    maxAttempts,
    timeoutSeconds,
  };
}

/**
 * Where JSON changes the payload, its schema is asked of that form too, which is what it will be asked of before the
 * handler: a schema that wants a Date refuses the text that the table would hold, and one that coerces takes it.
 *
 * @throws InvalidInputError where the schema refuses the payload, with the path.
 */
export async function checkSchema(
  schema: StandardSchema,
  payload: unknown,
  { changed, payloadText }: CheckedJob,
  field: string,
): Promise<void> {
  const forms = changed === true ? [payload, JSON.parse(payloadText)] : [payload];
  for (const [index, form] of forms.entries()) {
    const { issues } = await schema["~standard"].validate(form);
    if (issues === undefined) continue;
    const says = issuesText(field, issues) + (index === 1 ? " (of its JSON, which a handler gets)" : "");
    throw new InvalidInputError(field, "what its schema says", payload, undefined, says);
  }
}

/** @throws InvalidInputError where it is none, or none that PostgreSQL can hold. */
export function checkText(field: string, text: unknown, maxLength: number): asserts text is string {
  const fits = typeof text === "string" && text.length > 0 && text.length <= maxLength;
  if (!fits || text.includes("\u0000") || !text.isWellFormed()) {
    throw new InvalidInputError(
      field,
      `text of 1 to ${maxLength} characters, without NUL or lone surrogates`,
      text,
    );
  }
}

/** @throws InvalidInputError naming the bound that an application set wrongly. */
export function checkLimits({ maxPayloadBytes = 1, maxPayloadDepth = 1 }: PayloadLimits): void {
  checkWhole("maxPayloadBytes", maxPayloadBytes, 1, MAX_PAYLOAD_BYTES);
  checkWhole("maxPayloadDepth", maxPayloadDepth, 1, MAX_PAYLOAD_DEPTH);
}

/** Not Date.UTC, which takes the years 0 to 99 for those of the twentieth century. */
const EARLIEST = Date.parse("0001-01-01T00:00:00Z");
const LATEST = Date.parse("9999-12-31T23:59:59.999Z");

/** PostgreSQL reads no year before 4714 BC and none of JavaScript's six-digit years. */
function isoOf(field: string, date: unknown): string {
  const time = date instanceof Date ? date.getTime() : Number.NaN;
  if (!(time >= EARLIEST && time <= LATEST)) {
    throw new InvalidInputError(field, "a valid Date of the years 1 to 9999", date);
  }
  return new Date(time).toISOString();
}
