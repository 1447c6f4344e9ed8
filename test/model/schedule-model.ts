import type { ModelSpec } from "./model-job.ts";
import type { QueueModel } from "./queue-model.ts";

/** One schedule of the model; its next tick by the model's clock: null while paused, and infinity once it lies far ahead. */
export interface ModelSchedule extends Pick<ModelSpec, "type" | "payload" | "priority" | "maxAttempts"> {
  readonly missed: "once" | "skip";
  readonly overlap: "skip" | "allow";
  readonly nextTick: number | null;
}

/** What a schedule is told to be, and when it is to tick next. */
export type ScheduleSpec = Omit<ModelSchedule, "nextTick"> & { readonly dueInMs: number };

/** What a tick was due, and whether it makes a job. */
export interface ModelTick {
  readonly schedule: string;
  readonly at: number;
  readonly made: boolean;
}

/** What schedules must do: each has one tick that comes, and the one after it lies beyond all of a run. */
export class ScheduleModel {
  readonly #schedules = new Map<string, ModelSchedule>();

  has(name: string): boolean {
    return this.#schedules.has(name);
  }

  set(name: string, { dueInMs, ...schedule }: ScheduleSpec, now: number): void {
    const paused = this.#schedules.get(name)?.nextTick === null;
    this.#schedules.set(name, { ...schedule, nextTick: paused ? null : now + dueInMs });
  }

  delete(name: string): boolean {
    return this.#schedules.delete(name);
  }

  /** What it missed while it was paused stays missed; who is not paused loses no tick by a resumption. */
  pause(name: string, paused: boolean): boolean {
    const schedule = this.#schedules.get(name);
    if (schedule === undefined) return false;
    this.#schedules.set(name, { ...schedule, nextTick: paused ? null : (schedule.nextTick ?? Infinity) });
    return true;
  }

  /** Those that are due, by time and name: each tick makes one job at most, under the id that `idOf` gives its place. */
  tick(queue: QueueModel, idOf: (place: number) => string): readonly ModelTick[] {
    const due = [...this.#schedules]
      .flatMap(([name, schedule]) => {
        const { nextTick } = schedule;
        return nextTick === null || nextTick > queue.now ? [] : [{ name, schedule, at: nextTick }];
      })
      .sort((a, b) => a.at - b.at || (a.name < b.name ? -1 : 1));
    return due.map(({ name, schedule, at }, place) => {
      this.#schedules.set(name, { ...schedule, nextTick: Infinity });
      return { schedule: name, at, made: makes(queue, name, schedule, at, idOf(place)) };
    });
  }
}

const MINUTE = 60_000;

/** Not what is late and to be skipped, not while an earlier job is active, and not twice while the first one is there. */
function makes(queue: QueueModel, name: string, schedule: ModelSchedule, at: number, id: string): boolean {
  const { missed, overlap, nextTick: _, ...job } = schedule;
  const dedupeKey = overlap === "skip" ? `schedule:${name}` : null;
  const late = missed === "skip" && at <= queue.now - MINUTE;
  const before = queue.all().some((other) => other.schedule === name && other.scheduledFor === at);
  if (late || before || queue.active(dedupeKey) !== undefined) return false;
  const spec = { ...job, dedupeKey, timeoutSeconds: null, dueInMs: at - queue.now };
  queue.enqueue(spec, id, { schedule: name, scheduledFor: at });
  return true;
}
