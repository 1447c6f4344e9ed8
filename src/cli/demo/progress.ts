import type { JobEvent } from "../../runners/job/job-event.ts";
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
  readonly #ended = new Map<string, number>();
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

  readonly onEvent = ({ event, type, attempts, error }: JobEvent): void => {
    if (event === "done" || event === "failed") {
      this.#ended.set(type, (this.#ended.get(type) ?? 0) + 1);
      const now = performance.now();
      if (now - this.#shownAt >= EVERY_MS[this.#screen.watched ? "watched" : "unwatched"]) this.show();
    }
    if (event !== "retried" && event !== "failed") return;
    this.show();
    const then = event === "retried" ? "; it will be tried again" : "";
    this.#note(`${type} failed at attempt ${attempts ?? "?"}: ${failureText(error)}${then}`);
  };

  /** The counts as they stand, if they have changed. */
  show(): void {
    const width = String(this.#files).length;
    const counts = TYPES.map((type) => {
      const ended = String(this.#ended.get(type) ?? 0);
      return `${type} ${type === "relate" ? `${ended}/1` : `${ended.padStart(width)}/${this.#files}`}`;
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
