import type { JobEvent, JobEventName } from "../../runners/job/job-event.ts";
import { failureText } from "../terminal/failure-text.ts";
import type { Screen } from "./screen.ts";

const TYPES = ["summarize", "embed", "relate"] as const;
/** How often the line moves, and how often a new one is written where it can't. */
const EVERY_MS = { watched: 80, unwatched: 500 };

/** Shows the worker at work, by its events. */
export class Progress {
  readonly #screen: Screen;
  readonly #files: number;
  readonly #startedAt = performance.now();
  /** What has become of each job that was started: more than there were files, once somebody posts to the API. */
  readonly #jobs: Readonly<Record<string, Map<string, JobEventName>>> = {
    summarize: new Map(),
    embed: new Map(),
    relate: new Map(),
  };
  #later: NodeJS.Timeout | undefined;
  #shownAt = 0;
  #shown = "";

  constructor(screen: Screen, files: number) {
    this.#screen = screen;
    this.#files = files;
  }

  /** Since it began, in seconds. */
  get seconds(): string {
    return ((performance.now() - this.#startedAt) / 1000).toFixed(1);
  }

  readonly onEvent = ({ event, id, type, attempts, error }: JobEvent): void => {
    if (event === "started" || event === "done" || event === "failed") this.#jobs[type]?.set(id, event);
    if (event === "done" || event === "failed") {
      const rest =
        this.#shownAt + EVERY_MS[this.#screen.watched ? "watched" : "unwatched"] - performance.now();
      if (rest <= 0) this.show();
      // What is last would never be shown otherwise. It keeps no process alive.
      else
        this.#later ??= setTimeout(() => {
          this.show();
        }, rest).unref();
    }
    if (event !== "retried" && event !== "failed") return;
    this.show();
    const then = event === "retried" ? "; it will be tried again" : "";
    this.#note(`${type} failed at attempt ${attempts ?? "?"}: ${failureText(error)}${then}`);
  };

  /** The counts as they stand, if they have changed. */
  show(): void {
    clearTimeout(this.#later);
    this.#later = undefined;
    const of = (type: string, ...events: readonly JobEventName[]): number =>
      [...(this.#jobs[type]?.values() ?? [])].filter((event) => events.includes(event)).length;
    const all = ["started", "done", "failed"] as const;
    const summaries = Math.max(this.#files, of("summarize", ...all));
    const totals = {
      summarize: summaries,
      // Each summary has its embedding, unless it failed.
      embed: summaries - of("summarize", "failed"),
      relate: Math.max(1, of("relate", ...all)),
    };
    const width = String(summaries).length;
    const counts = TYPES.map((type) => {
      const ended = String(of(type, "done", "failed"));
      return `${type} ${type === "relate" ? ended : ended.padStart(width)}/${totals[type]}`;
    });
    const text = counts.join("   ");
    if (text === this.#shown) return;
    this.#shown = text;
    this.#shownAt = performance.now();
    this.#screen.progress(this.#timed(text));
  }

  #note(text: string): void {
    this.#screen.line(this.#timed(text));
  }

  #timed(text: string): string {
    return `${this.seconds.padStart(6)} s   ${text}`;
  }
}
