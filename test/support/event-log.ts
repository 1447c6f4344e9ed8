import type { JobEvent, JobEventName } from "../../src/runners/job/job-event.ts";

/** Hears a runner's events, and lets a test wait for them. */
export class EventLog {
  readonly events: JobEvent[] = [];
  readonly #watchers = new Set<() => void>();

  readonly onEvent = (event: JobEvent): void => {
    this.events.push(event);
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  };

  names(): JobEventName[] {
    return this.events.map(({ event }) => event);
  }

  of(name: JobEventName): JobEvent[] {
    return this.events.filter(({ event }) => event === name);
  }

  /** Resolves once `count` events of that name have been told. */
  async until(name: JobEventName, count = 1): Promise<void> {
    while (this.of(name).length < count) {
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }
}
