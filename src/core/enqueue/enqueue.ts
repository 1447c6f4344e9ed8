import { columnLiteral } from "../sql/array-literal.ts";
import type { Element } from "../sql/array-literal.ts";
import { DedupeConflictError } from "../errors.ts";
import type { SqlRow, SqlStatement } from "../executor.ts";
import type { EnqueueNames, EnqueueTexts } from "./enqueue-text.ts";
import { ABSENT, USUAL, cells } from "../job.ts";

/** What a listener of `onEnqueue` learns of a job. */
export interface NewJob {
  readonly type: string;
  /** When it is due, in ISO 8601; null for `delayMs` from now by the database's clock. */
  readonly runAfter: string | null;
  /** @default 0 */
  readonly delayMs?: number | undefined;
}

/** A key of an enqueue that is none of dedupe. */
export interface OtherKey {
  /** As the caller named it. */
  readonly option: string;
  /** As the table knows it, but for the slot of a throttle. */
  readonly text: string;
  /** Of a throttle its window, of a debounce the most that it may be put off. */
  readonly seconds?: number | undefined;
  readonly delayMs?: number | undefined;
  /** What knows how such jobs are written. */
  readonly keys: EnqueueKeys;
}

/** What a producer knows of keys beside dedupe. */
export interface EnqueueKeys {
  /** @internal @throws InvalidInputError naming what is wrong with a job's keys. */
  check(options: object, field: string): OtherKey | undefined;
  /** @internal The statement for jobs of which some have such a key, from the parameters of all jobs. */
  statement(
    names: EnqueueNames,
    jobs: readonly CheckedJob[],
    params: readonly string[],
    byDefault: boolean,
  ): SqlStatement;
}

/** A job that has been checked and only has to be written. */
export interface CheckedJob extends NewJob {
  /** JSON text of an object. */
  readonly payloadText: string;
  /** JSON text of an object. @default none */
  readonly headers?: string | undefined;
  /** Whether JSON gives back something else than the payload was. @default false */
  readonly changed?: boolean | undefined;
  readonly dedupeKey: string | null;
  /** @default none */
  readonly concurrency_key?: string | undefined;
  /** Where it has no dedupe key. @default none */
  readonly key?: OtherKey | undefined;
  readonly priority: number;
  readonly maxAttempts: number;
  readonly timeoutSeconds: number | null;
}

/** What became of one enqueue. */
export interface Enqueued {
  /** The new job's id, or that of the job that has the same key. */
  readonly id: string;
  /** False where a job with the key was there already. Nothing was written then, but for `debounce`, which puts it off. */
  readonly created: boolean;
}

/** The columns that few jobs have a value of, as they are in the row. */
const RARE = ["concurrency_key", "headers"] as const;

/** The statement that writes `jobs`; `byDefault` where the table makes its ids itself. */
export function enqueueStatement(
  texts: EnqueueTexts,
  jobs: readonly CheckedJob[],
  byDefault: boolean,
): SqlStatement {
  const params = COLUMNS.map(([column, none]) => columnLiteral(jobs.map(column), none));
  let also = "";
  for (const name of RARE) {
    const param = columnLiteral(
      jobs.map((job) => job[name]),
      ABSENT.text,
    );
    if (param === "{}") continue;
    params.push(param);
    also += `, ${name}`;
  }
  const own = also ? texts.also(also) : texts;
  const other = jobs.find(({ key }) => key)?.key;
  if (other) return other.keys.statement(own.names, jobs, params, byDefault);
  const keyed = jobs.some(({ dedupeKey }) => dedupeKey !== null);
  if (jobs.length === 1) return { text: keyed ? own.keyed : own.plain, params };
  if (!keyed) return { text: own.plainMany, params: [...params, String(jobs.length)] };
  return { text: byDefault ? own.keyedManyByDefault : own.keyedMany, params };
}

/**
 * In input order; null where the caller has to ask again. Null in all where it has to say `byDefault`: nothing was written.
 *
 * @param all the jobs of the caller's call, which may be more than were sent
 * @throws DedupeConflictError where a key is active under another type: nothing was written then.
 */
export function readEnqueued(
  rows: readonly SqlRow[],
  jobs: readonly CheckedJob[],
  all: readonly CheckedJob[],
): readonly (Enqueued | null)[] | null {
  const table = rows.map(cells);
  if (table[0]?.[1] === null) return null;
  for (const [index, job] of jobs.entries()) {
    const [id, , type] = table[index] ?? [];
    if (!id || !type || type === job.type) continue;
    const place = all.indexOf(job);
    const { option, text } = keyOf(job);
    throw new DedupeConflictError(
      text,
      `enqueue: jobs[${place}].${option} is active under another type: job ${id} of the type ${type}; nothing was written`,
      { jobId: id, jobType: type, index: place },
    );
  }
  return table.flatMap(([ids, created]) =>
    ids === null || ids === undefined
      ? null
      : ids.split(",").map((id) => ({ id, created: created === "true" })),
  );
}

/** By what its caller and its rivals know a job; the text is empty where there is nothing. */
export function keyOf(job?: CheckedJob): { readonly option: string; readonly text: string } {
  return job?.key ?? { option: "dedupeKey", text: job?.dedupeKey ?? "" };
}

/** Each with what stands for null, where some jobs have a value and others have none. */
const COLUMNS: readonly (readonly [(job: CheckedJob) => Element, none: string | number])[] = [
  [({ type }) => type, ABSENT.text],
  [({ payloadText }) => payloadText, ABSENT.json],
  [({ dedupeKey }) => dedupeKey, ABSENT.text],
  [({ priority }) => (priority === USUAL.priority ? null : priority), USUAL.priority],
  [({ runAfter }) => runAfter, ABSENT.moment],
  [({ maxAttempts }) => (maxAttempts === USUAL.maxAttempts ? null : maxAttempts), USUAL.maxAttempts],
  [({ timeoutSeconds }) => timeoutSeconds, ABSENT.number],
  [({ delayMs }) => delayMs, 0],
];
