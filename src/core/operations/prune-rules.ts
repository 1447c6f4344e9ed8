import { InvalidInputError } from "../errors.ts";
import type { JobStatus } from "../job.ts";
import { checkJobTypes } from "../values/check-names.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkOptions } from "../values/known-options.ts";

/** The states that a prune may delete. */
export const FINISHED_STATUSES = ["DONE", "FAILED", "CANCELLED"] as const satisfies readonly JobStatus[];

/** How long finished jobs of a type, of a state, or of both are kept. */
export interface PruneRule {
  /** @default any */
  readonly type?: string | undefined;
  /** @default any that has ended */
  readonly status?: (typeof FINISHED_STATUSES)[number] | undefined;
  /** Only those that finished longer ago than this, in seconds, 0 to a hundred years. */
  readonly olderThanSeconds: number;
}

/** Which finished jobs to delete. */
export interface PruneOptions {
  /** Only those that finished longer ago than this, in seconds, 0 to a hundred years; of those that a rule names, by the rule. */
  readonly olderThanSeconds: number;
  /** Only jobs of these states, whatever the rules are. @default all three */
  readonly statuses?: readonly (typeof FINISHED_STATUSES)[number][] | undefined;
  /** Only jobs of these types, whatever the rules are. @default all */
  readonly types?: readonly string[] | undefined;
  /**
   * Other ages for some, at most 100 rules. Of those that fit a job the most specific holds: that of its type and state,
   * of its type, of its state; their order means nothing.
   *
   * @default none
   */
  readonly rules?: readonly PruneRule[] | undefined;
  /** Most rows in this call, 1 to 10,000. @default 1,000 */
  readonly limit?: number | undefined;
}

const PRUNE_OPTIONS = {
  olderThanSeconds: true,
  statuses: true,
  types: true,
  rules: true,
  limit: true,
} as const satisfies Record<keyof PruneOptions, true>;

const RULE = { type: true, status: true, olderThanSeconds: true } as const satisfies Record<
  keyof PruneRule,
  true
>;

/** Stands for all types without a rule of their own. A job whose type is the empty text is one of them. */
const OTHERS = "";
const MAX_SECONDS = 3_155_760_000;
const MAX_RULES = 100;

/** @param at what stands before the options' names. @throws InvalidInputError naming the option. */
export function checkPrune(options: PruneOptions, at = ""): void {
  checkOptions(options, PRUNE_OPTIONS, at);
  const { olderThanSeconds, statuses = FINISHED_STATUSES, types = [], rules = [], limit = 1_000 } = options;
  checkAge(`${at}olderThanSeconds`, olderThanSeconds);
  checkWhole(`${at}limit`, limit, 1, 10_000);
  for (const status of statuses) checkStatus(`${at}statuses`, status);
  for (const type of types) checkType(`${at}types`, type);
  const given: unknown = rules;
  if (!Array.isArray(given) || given.length > MAX_RULES)
    throw new InvalidInputError(`${at}rules`, `a list of at most ${MAX_RULES} rules`, rules);
  const seen = new Set<string>();
  for (const [index, rule] of rules.entries()) checkRule(`${at}rules[${index}]`, rule, seen);
}

function checkRule(at: string, rule: PruneRule, seen: Set<string>): void {
  checkOptions(rule, RULE, `${at}.`);
  const { type, status, olderThanSeconds } = rule;
  checkAge(`${at}.olderThanSeconds`, olderThanSeconds);
  if (type !== undefined) checkType(`${at}.type`, type);
  if (status !== undefined) checkStatus(`${at}.status`, status);
  if (type === undefined && status === undefined)
    throw new InvalidInputError(at, "a type, a status or both", rule);
  const names = JSON.stringify([type, status]);
  if (seen.has(names)) throw new InvalidInputError(at, "the only rule of its type and status", rule);
  seen.add(names);
}

function checkAge(field: string, seconds: unknown): void {
  if (typeof seconds === "number" && seconds >= 0 && seconds <= MAX_SECONDS) return;
  throw new InvalidInputError(field, "seconds, 0 to a hundred years", seconds);
}

function checkType(field: string, type: string): void {
  checkJobTypes(field, [type]);
  if (type === OTHERS) throw new InvalidInputError(field, "a job type", type);
}

function checkStatus(field: string, status: JobStatus): void {
  const known: readonly JobStatus[] = FINISHED_STATUSES;
  if (!known.includes(status)) throw new InvalidInputError(field, FINISHED_STATUSES.join(", "), status);
}

/**
 * The two parameters of {@link isOld}. Which rule is the most specific is settled here: all that the server looks up is a
 * type and a state.
 */
export function pruneAges({
  olderThanSeconds,
  statuses = FINISHED_STATUSES,
  types,
  rules = [],
}: PruneOptions): readonly [least: string, ages: string] {
  const ageOf = (type: string | undefined, status: string): number =>
    [
      [type, status],
      [type, undefined],
      [undefined, status],
    ]
      .map((names) => rules.find((rule) => rule.type === names[0] && rule.status === names[1]))
      .find((rule) => rule !== undefined)?.olderThanSeconds ?? olderThanSeconds;
  const agesOf = (type?: string): Readonly<Record<string, number>> =>
    Object.fromEntries(statuses.map((status) => [status, ageOf(type, status)]));
  const named = types ?? rules.flatMap(({ type }) => (type === undefined ? [] : [type]));
  const ages = [
    ...(types === undefined ? [[OTHERS, agesOf()] as const] : []),
    ...named.map((type) => [type, agesOf(type)] as const),
  ];
  const least = Math.min(MAX_SECONDS, ...ages.flatMap(([, by]) => Object.values(by)));
  return [String(least), JSON.stringify(Object.fromEntries(ages))];
}

/**
 * True of a job `j` that is old by the rules: `least` is the shortest age of any, in seconds, which spares most jobs the
 * look at the rules; `ages` is a jsonb of each type's ages by state, under the empty name those of all other types.
 */
export function isOld(least: string, ages: string): string {
  // Python's package ends a job that never ran without a time.
  return `j.status IN ('DONE', 'FAILED', 'CANCELLED')
                    AND coalesce(j.finished_at, j.updated_at) < now() - ${least}::text::float8 * interval '1 s'
                    AND coalesce(j.finished_at, j.updated_at) < now() - interval '1 s'
                        * (coalesce(${ages} -> j.job_type, ${ages} -> '${OTHERS}') ->> j.status::text)::float8`;
}
