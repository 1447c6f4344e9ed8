import type { Fence, JobStatus } from "../../src/core/job.ts";
import type { Retried } from "../../src/core/operations/retry.ts";
import type { ReapedJob } from "../../src/core/turn/turn-answer.ts";
import type { PickUp, Reap } from "../../src/core/turn/turn-request.ts";
import { UNLEASED, isLeased, settled } from "./model-job.ts";
import type { Ending, ModelJob, ModelSpec } from "./model-job.ts";
import { ScheduleModel } from "./schedule-model.ts";

/** One settlement of a turn. */
export interface ModelSettlement {
  readonly job: Fence;
  readonly ending: Ending;
  readonly durationMs: number | null;
}

/** What a turn is asked for. */
export interface ModelTurn {
  readonly settlements: readonly ModelSettlement[];
  readonly pickUp: PickUp | null;
  readonly reap: Reap | null;
  readonly running: readonly string[];
}

/** What it answers. `sleep` is promised only where nothing more is due. */
export interface ModelTurnAnswer {
  readonly jobs: readonly ModelJob[];
  /** Whether the pick-up is of one job that nothing may run beside. */
  readonly alone: boolean;
  readonly exhausted: readonly ReapedJob[];
  readonly verdicts: readonly string[];
  /** What a settlement wrote, or what was there where it had been written before. */
  readonly states: readonly (JobStatus | null)[];
  readonly reaped: readonly ReapedJob[];
  /** Something is due that a pick-up in time would have taken. */
  readonly contended: boolean;
  readonly sleep: { readonly nextDueInMs: number | null; readonly nextLeaseEndInMs: number | null } | null;
}

/**
 * What the queue must do, as plainly as it can be said: the specification that
 * the model run holds the store against. A row that is written is a new object
 * here; a row that keeps its object must keep its place in the table too.
 */
export class QueueModel {
  now = 0;
  jobs = new Map<string, ModelJob>();
  readonly schedules = new ScheduleModel();
  /** Jobs that somebody's open transaction refers to by a foreign key: nobody but a prune minds, and the Python package. */
  readonly referred = new Set<string>();

  /** Which of the jobs has a key that another type has, in the same call or in the table: none of them is written then. */
  clash(
    specs: readonly ModelSpec[],
  ): { readonly where: "call" | "table"; readonly index: number } | undefined {
    const inCall = specs.findIndex(({ type, dedupeKey }) => {
      const first = specs.find((spec) => spec.dedupeKey === dedupeKey);
      return dedupeKey !== null && first?.type !== type;
    });
    if (inCall >= 0) return { where: "call", index: inCall };
    const inTable = specs.findIndex(({ type, dedupeKey }) => {
      const active = dedupeKey === null ? undefined : this.active(dedupeKey);
      return active !== undefined && active.type !== type;
    });
    return inTable >= 0 ? { where: "table", index: inTable } : undefined;
  }

  /** While a job with the key is active another is not written; the active one is the answer. */
  enqueue(
    spec: ModelSpec,
    freshId: string,
    tick: Pick<ModelJob, "schedule" | "scheduledFor"> = { schedule: null, scheduledFor: null },
  ): { readonly id: string; readonly created: boolean } {
    const active = this.active(spec.dedupeKey);
    if (active !== undefined) return { id: active.id, created: false };
    const { dueInMs, ...given } = spec;
    const now = { createdAt: this.now, updatedAt: this.now };
    this.jobs.set(freshId, {
      ...FRESH,
      ...given,
      ...now,
      ...tick,
      id: freshId,
      runAfter: this.now + (dueInMs ?? 0),
    });
    return { id: freshId, created: true };
  }

  /** All parts see the table as it was before the turn. */
  turn({ settlements, pickUp, reap, running }: ModelTurn): ModelTurnAnswer {
    const late = pickUp?.withinMs === 0;
    const due = new Set(this.due(pickUp?.types ?? []));
    const missed = late && pickUp.slots > 0 && due.size > 0;
    const chosen = pickUp === null || late ? [] : this.#chosen(pickUp).map((job) => ({ job, pickUp }));
    const named = new Set([...settlements.map(({ job }) => job.id), ...running]);
    const lost = reap === null ? [] : this.#lost(reap, named);

    const verdicts = settlements.map(({ job }) => this.#verdict(job));
    const states = settlements.map(({ job, ending, durationMs }, index) => {
      const held = this.#held(job);
      if (held !== undefined) return this.#write(settled(held, ending, durationMs, this.now)).status;
      return verdicts[index] === "already" ? (this.jobs.get(job.id)?.status ?? null) : null;
    });
    const reaped = lost.map((job) => this.#reap(job));
    const taken = chosen.map(({ job, pickUp: by }) => this.#pickUp(job, by));
    const picked = taken.filter(({ status }) => status === "RUNNING");
    const exhausted = taken.filter(({ status }) => status === "FAILED");
    const madeDue = this.due(pickUp?.types ?? []).some((job) => !due.has(job));
    return {
      jobs: picked,
      alone: chosen.some(({ job }) => isSuspect(job)),
      exhausted: exhausted.map(summary),
      verdicts,
      states,
      reaped: reaped.map(summary),
      contended: missed && !madeDue,
      sleep: this.#sleep(pickUp?.types ?? [], reap, new Set([...picked.map(({ id }) => id), ...running])),
    };
  }

  /** A lease that has ended is lost only when somebody has taken it. */
  extend(jobs: readonly Fence[], leaseMs: number): readonly string[] {
    return jobs.map((fence) => {
      const held = this.#held(fence);
      if (held === undefined) return this.#whyNotHeld(fence);
      // No extension takes away what an earlier one has given.
      const leaseEnd = Math.max(held.leaseEnd ?? -Infinity, this.now + leaseMs);
      const lease = { lockedAt: this.now, leaseHolder: held.lockedBy, leaseEnd };
      this.#write({ ...held, ...lease });
      return "extended";
    });
  }

  /** Only what is not finished. */
  cancel(id: string): { readonly cancelled: boolean; readonly status: string | null } {
    const job = this.jobs.get(id);
    if (job === undefined) return { cancelled: false, status: null };
    if (job.status !== "READY" && job.status !== "RUNNING") return { cancelled: false, status: job.status };
    const over = { ...UNLEASED, lockedBy: null, finishedAt: this.now, updatedAt: this.now };
    this.#write({ ...job, ...over, status: "CANCELLED" });
    return { cancelled: true, status: "CANCELLED" };
  }

  /** Only what has FAILED, and not while another job with its key is active. */
  retry(id: string): Retried {
    const job = this.jobs.get(id);
    if (job?.status !== "FAILED") return { retried: false, status: job?.status ?? null };
    const blockedBy = this.active(job.dedupeKey)?.id;
    if (blockedBy !== undefined) return { retried: false, status: "FAILED", blockedBy };
    const anew = { attempts: 0, released: 0, runAfter: this.now, finishedAt: null, updatedAt: this.now };
    this.#write({ ...job, ...anew, status: "READY" });
    return { retried: true, status: "READY" };
  }

  /** Finished longer ago than that, the lowest ids first. */
  prune(olderThanSeconds: number, statuses: readonly string[], limit: number): number {
    const before = this.now - olderThanSeconds * 1_000;
    const old = this.all().filter(
      ({ status, finishedAt }) => statuses.includes(status) && finishedAt !== null && finishedAt < before,
    );
    const deleted = old.filter(({ id }) => !this.referred.has(id)).slice(0, limit);
    for (const { id } of deleted) this.jobs.delete(id);
    return deleted.length;
  }

  /** What others write with SQL of their own. */
  edit(id: string, columns: Partial<ModelJob>): void {
    const job = this.jobs.get(id);
    if (job !== undefined) this.#write({ ...job, ...columns });
  }

  /** By id. */
  all(): readonly ModelJob[] {
    return [...this.jobs.values()].sort(byId);
  }

  /** READY, of these types and due: by priority, due time and id. */
  due(types: readonly string[]): readonly ModelJob[] {
    return this.#ready(types)
      .filter(({ runAfter }) => runAfter <= this.now)
      .sort((a, b) => b.priority - a.priority || a.runAfter - b.runAfter || byId(a, b));
  }

  #ready(types: readonly string[]): ModelJob[] {
    return this.all().filter(({ status, type }) => status === "READY" && types.includes(type));
  }

  /** The free slots take what comes, up to a suspect; the buffer only jobs that lose nothing but an attempt of many. */
  #chosen({ types, slots, buffer = 0 }: PickUp): readonly ModelJob[] {
    const due = this.due(types).slice(0, slots + buffer);
    const suspect = due.findIndex(isSuspect);
    return due
      .slice(0, suspect === -1 ? due.length : Math.max(1, suspect))
      .filter(({ attempts, maxAttempts }, place) => place < slots || (attempts === 0 && maxAttempts > 1));
  }

  /** RUNNING; or FAILED, where no attempt is left. */
  #pickUp(job: ModelJob, { lockedBy, leaseMs, timeoutSeconds, marginMs = 0 }: PickUp): ModelJob {
    if (job.attempts >= job.maxAttempts) return this.#exhaust(job);
    const bound = timeoutSeconds === undefined ? Infinity : (job.timeoutSeconds ?? timeoutSeconds) * 1_000;
    return this.#write({
      ...job,
      status: "RUNNING",
      attempts: job.attempts + 1,
      lockedBy,
      lockedAt: this.now,
      leaseHolder: lockedBy,
      leaseEnd: this.now + Math.min(leaseMs, bound) + marginMs,
      finishedAt: null,
      durationMs: null,
      updatedAt: this.now,
    });
  }

  #exhaust(job: ModelJob): ModelJob {
    const lastError = job.lastError ?? `no attempt left: ${job.attempts} of ${job.maxAttempts}`;
    const over = { ...UNLEASED, lockedBy: null, finishedAt: this.now, durationMs: null, updatedAt: this.now };
    return this.#write({ ...job, ...over, status: "FAILED", lastError });
  }

  #lost({ defaultTimeoutSeconds, limit = 100 }: Reap, named: ReadonlySet<string>): readonly ModelJob[] {
    return this.all()
      .filter((job) => job.status === "RUNNING" && !named.has(job.id))
      .filter((job) => {
        const end = leaseEnd(job, defaultTimeoutSeconds);
        return isLeased(job) ? end <= this.now : end < this.now;
      })
      .slice(0, limit);
  }

  #reap(job: ModelJob): ModelJob {
    const left = job.attempts < job.maxAttempts;
    return this.#write({
      ...job,
      ...UNLEASED,
      status: left ? "READY" : "FAILED",
      finishedAt: left ? null : this.now,
      lastError: `lease lost: ${job.lockedBy ?? "nobody"} neither settled nor extended it`,
      lockedBy: null,
      updatedAt: this.now,
    });
  }

  /** How long the caller may sleep; null where more is due. */
  #sleep(types: readonly string[], reap: Reap | null, own: ReadonlySet<string>): ModelTurnAnswer["sleep"] {
    if (this.due(types).length > 0) return null;
    const others = this.all().filter(({ status, id }) => status === "RUNNING" && !own.has(id));
    // Whoever only settles does not ask.
    const asks = types.length > 0 || reap !== null;
    const known = asks ? others.filter((job) => isLeased(job) || reap !== null) : [];
    return {
      nextDueInMs: this.#until(this.#ready(types).map(({ runAfter }) => runAfter)),
      nextLeaseEndInMs: this.#until(known.map((job) => leaseEnd(job, reap?.defaultTimeoutSeconds ?? 0))),
    };
  }

  #until(times: readonly number[]): number | null {
    return times.length === 0 ? null : Math.max(0, Math.min(...times) - this.now);
  }

  /** The row, if this attempt holds it. */
  #held({ id, attempts, lockedBy }: Fence): ModelJob | undefined {
    const job = this.jobs.get(id);
    return job?.status === "RUNNING" && job.attempts === attempts && job.lockedBy === lockedBy
      ? job
      : undefined;
  }

  #verdict(fence: Fence): string {
    if (this.#held(fence) !== undefined) return "settled";
    const job = this.jobs.get(fence.id);
    if (job?.status === "CANCELLED") return "cancelled";
    return job?.lockedBy === fence.lockedBy && job.status !== "RUNNING" ? "already" : "lost";
  }

  /** To an extension only DONE is an end as it should be. */
  #whyNotHeld({ id, lockedBy }: Fence): string {
    const job = this.jobs.get(id);
    if (job?.status === "CANCELLED") return "cancelled";
    return job?.status === "DONE" && job.lockedBy === lockedBy ? "already" : "lost";
  }

  /** The one that has this key. */
  active(key: string | null): ModelJob | undefined {
    if (key === null) return undefined;
    return this.all().find(
      ({ dedupeKey, status }) => dedupeKey === key && (status === "READY" || status === "RUNNING"),
    );
  }

  #write(job: ModelJob): ModelJob {
    this.jobs.set(job.id, job);
    return job;
  }
}

const FRESH = {
  ...UNLEASED,
  status: "READY",
  attempts: 0,
  released: 0,
  lockedBy: null,
  lastError: null,
  result: null,
  durationMs: null,
  finishedAt: null,
} as const;

/** When a RUNNING row may be taken: its lease's end, or by the Python package's rule. */
function leaseEnd(job: ModelJob, defaultTimeoutSeconds: number): number {
  if (isLeased(job)) return job.leaseEnd ?? Infinity;
  return (job.lockedAt ?? job.updatedAt) + (job.timeoutSeconds ?? defaultTimeoutSeconds) * 1_000;
}

/** Lost again, or with one attempt left: it may be what its workers die of. */
function isSuspect({ lockedBy, lastError, attempts, maxAttempts }: ModelJob): boolean {
  const reaped = lockedBy === null && lastError?.startsWith("lease lost") === true;
  return reaped && attempts > 0 && attempts >= Math.min(2, maxAttempts - 1) && attempts < maxAttempts;
}

function summary({ id, type, status }: ModelJob): ReapedJob {
  return { id, type, status };
}

function byId(a: ModelJob, b: ModelJob): number {
  return Number(a.id) - Number(b.id);
}
