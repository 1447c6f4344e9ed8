import type { PickedUpJob } from "../../core/job.ts";
import type { AbortReason } from "./handler.ts";
import { FinishedRun } from "./finished-run.ts";
import { jobEvent } from "./job-event.ts";
import type { EmitJobEvent } from "./job-event.ts";
import { gatheringTypes } from "./gathering.ts";
import type { Gather, GatherRoom } from "./gathering.ts";
import type { SharedSlot } from "./shared-slot.ts";
import { SettlementQueue } from "./settlement-queue.ts";
import { JobRun } from "./run-job.ts";
import type { RunJobOptions, RunOwner } from "./run-job.ts";
import { RunSet } from "./run-set.ts";
import { StartContext } from "./start-context.ts";
import { UNBOUNDED } from "./step-room.ts";
import type { StepRoom } from "./step-room.ts";
import { afterEvents } from "../timers.ts";

/** What {@link JobSlots} has to know. */
export interface JobSlotsOptions {
  readonly slots: number;
  readonly runJob: RunJobOptions;
  /** What there is for the steps of its jobs. @default no bound */
  readonly stepRoom?: StepRoom;
  readonly emit: EmitJobEvent;
  /** Whether a buffered job may start now. */
  readonly mayStart: (job: PickedUpJob) => boolean;
  /** How many may start before the event loop has its turn, lest a turn that is to leave waits for a whole buffer. @default Infinity */
  readonly burst?: number;
  /** What {@link GatherRoom.fill} does. */
  readonly fill?: GatherRoom["fill"];
  /** Called with each run's end, after the settlement queue has it. */
  readonly onEnd: (job: PickedUpJob, ranMs: number) => void;
}

/** The jobs that a runner holds: in a buffer, then in a slot, then in the settlement queue. */
export class JobSlots implements RunOwner, GatherRoom {
  /** What has ended and is to be settled. */
  readonly settlementQueue: SettlementQueue;
  readonly #options: JobSlotsOptions;
  readonly #running = new RunSet();
  readonly #context = new StartContext();
  readonly #gathering: ReadonlyMap<string, Gather> | undefined;
  /** How many runs are in the slot of another. */
  #shared = 0;
  #buffer: PickedUpJob[] = [];
  /** Those held that nothing may run beside. */
  readonly #alone = new Set<PickedUpJob>();
  /** How many may still start before the event loop has its turn. */
  #burst: number;

  constructor(options: JobSlotsOptions) {
    this.#options = options;
    this.#burst = options.burst ?? Infinity;
    this.#gathering = gatheringTypes(options.runJob.handlers);
    this.settlementQueue = new SettlementQueue(options.emit);
  }

  /** What there is for a run's steps. */
  get stepRoom(): StepRoom {
    return this.#options.stepRoom ?? UNBOUNDED;
  }

  /** Lets jobs start, each in the async context of this call. */
  open(): void {
    this.#context.open();
  }

  get running(): number {
    return this.#running.size;
  }

  get buffered(): number {
    return this.#buffer.length;
  }

  /** Running and buffered. */
  get held(): number {
    return this.running + this.buffered;
  }

  /** Slots that a job could start in: none while one is held that nothing may run beside. */
  get free(): number {
    return this.#alone.size > 0 ? 0 : this.#options.slots - this.#used;
  }

  /** How many jobs could start at once, and how many more could wait in a buffer of `size`. */
  room(size: number): { readonly slots: number; readonly buffer: number } {
    if (this.#alone.size > 0) return { slots: 0, buffer: 0 };
    const left = this.#options.slots - this.#used - this.buffered;
    const slots = Math.max(0, left);
    return { slots, buffer: Math.max(0, left + size - slots) };
  }

  /** Takes in a picked-up job; it starts with the next {@link JobSlots.start}. */
  add(job: PickedUpJob): void {
    if (job.alone) this.#alone.add(job);
    this.#buffer.push(job);
  }

  /** Starts buffered jobs while slots are free, in their order; one that must be alone waits for all before it. */
  start(): void {
    const waiting: PickedUpJob[] = [];
    while (this.#used < this.#options.slots && this.#burst > 0 && !this.#runsAlone) {
      const job = this.#buffer[0];
      if (job === undefined || (job.alone && this.running > 0)) break;
      this.#buffer.shift();
      if (this.#options.mayStart(job)) this.#run(job);
      else waiting.push(job);
    }
    if (waiting.length > 0) this.#buffer = [...waiting, ...this.#buffer];
  }

  /** Gives back what has not started, its attempts with it. */
  releaseBuffered(): readonly PickedUpJob[] {
    const released = this.#buffer.splice(0);
    for (const job of released) this.release(job);
    return released;
  }

  /** Gives back a job that has not started. */
  release(job: PickedUpJob): void {
    this.#alone.delete(job);
    this.settlementQueue.add(new FinishedRun(job, { job, durationMs: null, outcome: "release" }));
  }

  /** Aborts every handler. */
  abort(reason: AbortReason): void {
    for (const run of [...this.#running.runs]) run.abort(reason);
  }

  /** Waits for no handler any longer. */
  giveUp(): void {
    for (const run of [...this.#running.runs]) run.giveUp();
  }

  /** Forgets a job that is somebody else's. @returns the run that it is in, if there is one */
  withdraw(job: PickedUpJob): JobRun | undefined {
    if (this.#buffer.includes(job)) this.#alone.delete(job);
    this.#buffer = this.#buffer.filter((buffered) => buffered !== job);
    return this.#running.runs.find((run) => run.job === job);
  }

  /** How long the longest of the running jobs has been at work. */
  get longestRunningMs(): number {
    const { oldestStartedAt } = this.#running;
    return oldestStartedAt === undefined ? 0 : this.#options.runJob.now() - oldestStartedAt;
  }

  get #runsAlone(): boolean {
    // Mostly none is even held: this is asked before each start.
    if (this.#alone.size === 0) return false;
    const [run] = this.#running.runs;
    return run?.job.alone === true;
  }

  /** How many slots have a job in them. */
  get #used(): number {
    return this.running - this.#shared;
  }

  #run(job: PickedUpJob): void {
    this.#burst -= 1;
    if (this.#burst === 0) {
      afterEvents(() => {
        this.#rested();
      });
    }
    const gather = this.#gathering?.get(job.type);
    if (gather === undefined) this.begin(this.#add(job));
    else gather(job, this);
  }

  #add(job: PickedUpJob): JobRun {
    const run = new JobRun(this.#options.runJob, job, this);
    this.#running.add(run);
    return run;
  }

  begin(run: JobRun): void {
    this.#context.enter(run);
  }

  share(job: PickedUpJob, slot: SharedSlot<JobRun>): JobRun {
    const run = this.#add(job);
    run.shared = slot;
    if (slot.enter(run)) this.#shared += 1;
    return run;
  }

  take(type: string, most: number): readonly PickedUpJob[] {
    const taken: PickedUpJob[] = [];
    this.#buffer = this.#buffer.filter((job) => {
      if (taken.length === most || job.type !== type || job.alone || !this.#options.mayStart(job))
        return true;
      taken.push(job);
      return false;
    });
    return taken;
  }

  fill(type: string, most: number, filled: () => void): void {
    const { fill } = this.#options;
    if (fill === undefined) filled();
    else fill(type, most, filled);
  }

  /** A handler is about to start. Those before it may have blocked the event loop, so it is asked again if it may. */
  begins({ job }: JobRun): boolean {
    const { mayStart, emit } = this.#options;
    const starts = mayStart(job);
    if (starts) emit(jobEvent("started", job));
    return starts;
  }

  /** A run has ended. */
  ended(run: JobRun, end: FinishedRun): void {
    const { runJob, onEnd } = this.#options;
    this.#running.delete(run);
    if (run.shared?.leave(run) === true) this.#shared -= 1;
    this.#alone.delete(end.job);
    this.settlementQueue.add(end);
    onEnd(end.job, runJob.now() - run.startedAt);
  }

  #rested(): void {
    this.#burst = this.#options.burst ?? Infinity;
    this.start();
  }
}
