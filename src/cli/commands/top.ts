import { setTimeout as sleep } from "node:timers/promises";

import { history } from "../../core/operations/history.ts";
import { overview, type Overview } from "../../core/operations/overview.ts";
import { workers, type WorkerRow } from "../../core/operations/workers.ts";
import type { PgJobStore } from "../../core/store.ts";
import { readOptions, wholeNumber } from "../arguments.ts";
import { EXIT, UsageError, type CliIo, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { spanSeconds } from "../moments.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { withStore } from "../queue.ts";
import { columns } from "../terminal/columns.ts";
import { cutTo } from "../terminal/display-width.ts";
import { ago, duration } from "../terminal/duration.ts";
import { jsonLine, printable } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

/** Moves to the corner and erases what was there; and after each line its rest. */
const [HOME, REST_OF_LINE, REST_OF_SCREEN] = ["\u001b[H", "\u001b[K", "\u001b[J"];
const MOST_ROWS = 20;

const OPTIONS = {
  every: { type: "string", value: "W", help: "the time between two looks (default: 2s)" },
  count: { type: "string", value: "N", help: "end after so many looks" },
  ...QUEUE_OPTIONS,
  json: { type: "boolean", help: "print each look as a line of JSON" },
} as const satisfies CliOptions;

/** One look. */
interface Look extends Overview {
  /** Of the last whole minute; null where it can't be said. */
  readonly donePerMinute: number | null;
  readonly failedPerMinute: number | null;
  readonly workers: readonly WorkerRow[];
}

/** `pqrun top`: the queue as it runs. */
export const topCommand: Command = {
  name: "top",
  summary: "watch the queue as it runs",
  usage: "pqrun top [options]",
  about: `Shows what waits and runs by type, what was done within the last minute, and who works.
Repaints on a terminal; elsewhere it prints one look after the other. Ends with Ctrl-C.`,
  options: OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, OPTIONS);
    const seconds = spanSeconds("every", options.every ?? "2s");
    if (seconds < 1) throw new UsageError("--every: expected at least 1s");
    const looks =
      options.count === undefined ? Infinity : wholeNumber("count", options.count, 1, 999_999_999);
    const title = tableTitle(tableOf(io, options));
    await withStore(io, options, async (store) => {
      for (let nth = 1; !io.signal.aborted; nth += 1) {
        const look = await lookAt(store);
        io.stdout.write(options.json === true ? jsonLine(look) : painted(lookText(title, look), io));
        if (nth >= looks) return;
        await sleep(seconds * 1000, undefined, { signal: io.signal }).catch(() => undefined);
      }
    });
    return EXIT.done;
  },
};

async function lookAt(store: PgJobStore): Promise<Look> {
  const now = await overview(store);
  const { minutes } = await history(store, { minutes: 2 });
  // The last one is not over.
  const minute = minutes.at(-2);
  return {
    ...now,
    donePerMinute: minute?.done ?? null,
    failedPerMinute: minute?.failed ?? null,
    workers: await workers(store),
  };
}

function lookText(title: string, look: Look): string {
  const { ready, due, running, failed, atLeast, oldestDueSeconds, donePerMinute, failedPerMinute } = look;
  const number = (status: (typeof atLeast)[number], count: number): string =>
    `${count.toLocaleString("en")}${atLeast.includes(status) ? "+" : ""}`;
  const oldest = oldestDueSeconds === null ? "" : `, the oldest for ${duration(oldestDueSeconds)}`;
  const facts = [
    ["ready", `${number("READY", ready)}, due ${due.toLocaleString("en")}${oldest}`],
    ["running", number("RUNNING", running)],
    ["failed", number("FAILED", failed)],
    ["last minute", `${donePerMinute ?? "-"} done, ${failedPerMinute ?? "-"} failed`],
  ];
  const types = look.types
    .slice(0, MOST_ROWS)
    .map((type) => [
      printable(type.type),
      ...[type.ready, type.due, type.running, type.failed].map(String),
      type.oldestDueSeconds === null ? "-" : duration(type.oldestDueSeconds),
    ]);
  const rows = look.workers
    .slice(0, MOST_ROWS)
    .map(({ worker, running: held, oldestLockedAt, waitsUntil }) => [
      printable(worker),
      held === 0 ? "-" : String(held),
      oldestLockedAt === null ? (waitsUntil === null ? "-" : "waits") : ago(oldestLockedAt),
    ]);
  return [
    `${title}  ${look.at.toISOString()}\n`,
    columns(facts, "left"),
    types.length === 0
      ? ""
      : columns([["type", "ready", "due", "running", "failed", "oldest"], ...types], "right"),
    rows.length === 0 ? "" : columns([["worker", "runs", "since"], ...rows], "left"),
  ]
    .filter((part) => part !== "")
    .join("\n");
}

function painted(text: string, { stdout, env }: CliIo): string {
  if (stdout.isTTY !== true || env["TERM"] === "dumb") return `${text}\n`;
  const lines = text.split("\n").map((line) => `${cutTo(line, stdout.columns ?? 80)}${REST_OF_LINE}`);
  return `${HOME}${lines.join("\n")}${REST_OF_SCREEN}`;
}
