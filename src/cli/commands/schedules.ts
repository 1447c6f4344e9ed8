import { ScheduleStore } from "../../core/schedules/schedule-store.ts";
import type { Schedule } from "../../core/schedules/schedule-operations.ts";
import type { ScheduleDefinition } from "../../core/schedules/schedules.ts";
import type { TableOptions } from "../../core/sql/table-names.ts";
import { readArguments, wholeNumber } from "../arguments.ts";
import { EXIT, UsageError, type CliIo, type Command } from "../command.ts";
import { connect } from "../connect.ts";
import { requireDatabaseUrl } from "../database-url.ts";
import { tableOf } from "../environment.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { suggestion } from "../suggestion.ts";
import { columns } from "../terminal/columns.ts";
import { cronInWords } from "../terminal/cron-in-words.ts";
import { jsonLine, printable, printableJson } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

const OPTIONS = {
  job: { type: "string", value: "T", help: "the job's type" },
  payload: { type: "string", value: "JSON", help: "its payload (default: {})" },
  zone: { type: "string", value: "Z", help: "a time zone of the IANA database (default: UTC)" },
  missed: {
    ...{ type: "string", value: "M", values: ["once", "all", "skip"] },
    help: "once, all or skip: ticks that nobody was there for (default: once)",
  },
  overlap: {
    ...{ type: "string", value: "O", values: ["skip", "allow"] },
    help: "skip or allow: a tick while an earlier job is active (default: skip)",
  },
  jitter: { type: "string", value: "S", help: "spread jobs over so many seconds (default: 0)" },
  "tick-as": { type: "string", value: "F", help: "the payload's field that gets the tick's time" },
  count: { type: "string", value: "N", help: "how many ticks to show, 1 to 1000 (default: 5)" },
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

type Options = ReturnType<typeof readArguments<typeof OPTIONS>>["values"];

/** What an action prints, as text and as JSON. */
interface Printed {
  readonly text: string;
  readonly json: unknown;
}

type Action = (
  store: ScheduleStore,
  args: readonly string[],
  options: Options,
  table: TableOptions,
) => Promise<Printed>;

/** Each action with its arguments' names. */
const ACTIONS: Readonly<Record<string, readonly [args: readonly string[], action: Action]>> = {
  list: [[], list],
  add: [["NAME", "EXPR"], add],
  rm: [["NAME"], (store, [name = ""]) => changed(name, "deleted", store.unschedule(name))],
  pause: [["NAME"], (store, [name = ""]) => changed(name, "paused", store.pauseSchedule(name))],
  resume: [["NAME"], (store, [name = ""]) => changed(name, "resumed", store.resumeSchedule(name))],
  run: [["NAME"], runNow],
  next: [["EXPR"], next],
};

/** `pqrun schedules`: what is planned, and plans by hand. */
export const schedulesCommand: Command = {
  name: "schedules",
  summary: "list schedules, and make, pause, run or delete them",
  usage: `pqrun schedules [list]                 what is planned, the next and last ticks, the last job
pqrun schedules add NAME EXPR --job T  make a schedule, or change one that no code declares
pqrun schedules rm NAME                delete one; its jobs stay
pqrun schedules pause NAME             stop one until it is resumed
pqrun schedules resume NAME            go on, also after an error; what was missed stays missed
pqrun schedules run NAME               make a job of it now
pqrun schedules next EXPR              when an expression ticks`,
  about: 'EXPR is one argument: "0 9 * * 1-5", "*/30 * * * * *", @daily.',
  options: OPTIONS,
  words: Object.keys(ACTIONS),
  run: async (args, io) => {
    const { values, positionals } = readArguments(args, OPTIONS);
    const [name = "list", ...rest] = positionals;
    const [expected, action] = Object.hasOwn(ACTIONS, name) ? (ACTIONS[name] ?? []) : [];
    if (expected === undefined || action === undefined) {
      const known = Object.keys(ACTIONS);
      throw new UsageError(`the action is not one of ${known.join(", ")}${suggestion(name, known)}`);
    }
    if (rest.length !== expected.length) {
      throw new UsageError(`${name} wants ${expected.join(" and ") || "no argument"}`);
    }
    return await act(io, values, (store, table) => action(store, rest, values, table));
  },
};

async function act(
  io: CliIo,
  options: Options,
  action: (store: ScheduleStore, table: TableOptions) => Promise<Printed>,
): Promise<number> {
  await using connection = await connect(requireDatabaseUrl(io, options));
  const table = tableOf(io, options);
  const store = new ScheduleStore(connection.executor, { ...table, logger: false });
  const { text, json } = await action(store, table);
  // A list is a line for each.
  const lines = Array.isArray(json) ? json.map(jsonLine).join("") : `${printableJson(json)}\n`;
  io.stdout.write(options.json === true ? lines : text);
  return EXIT.done;
}

async function list(
  store: ScheduleStore,
  _args: readonly string[],
  _options: Options,
  table: TableOptions,
): Promise<Printed> {
  const schedules = await store.schedules();
  const text =
    schedules.length === 0
      ? "  no schedules\n"
      : columns(
          [["name", "when", "zone", "next", "last", "last job", "owner"], ...schedules.map(line)],
          "left",
        );
  return { text: `${tableTitle(table)}\n\n${text}`, json: schedules };
}

function line(schedule: Schedule): readonly string[] {
  const { name, cron, timeZone, nextTick, lastTick, lastJobStatus, lastJobId, paused, lastError, owner } =
    schedule;
  const next = lastError === null ? (paused ? "paused" : moment(nextTick)) : `stopped: ${lastError}`;
  const job = lastJobId === null ? "-" : `${lastJobId} ${lastJobStatus ?? "deleted"}`;
  return [name, cronInWords(cron), timeZone, next, moment(lastTick), job, owner ?? "-"].map(printable);
}

async function add(
  store: ScheduleStore,
  [name = "", cron = ""]: readonly string[],
  options: Options,
): Promise<Printed> {
  const { job, zone, payload = "{}", missed, overlap, jitter } = options;
  if (job === undefined) throw new UsageError("add wants --job");
  const definition = {
    job,
    cron,
    timeZone: zone,
    payload: parsed(payload),
    missed,
    overlap,
    jitterSeconds: jitter === undefined ? undefined : wholeNumber("jitter", jitter, 0, 86_400),
    tickAs: options["tick-as"],
    // The store checks each of them.
  } as ScheduleDefinition;
  await store.schedule(name, definition);
  const [first] = await store.nextTicks(cron, { timeZone: zone });
  return { text: `${printable(name)}: next ${moment(first ?? null)}\n`, json: { name, next: first ?? null } };
}

async function changed(name: string, what: string, found: Promise<boolean>): Promise<Printed> {
  if (!(await found)) throw new UsageError("there is no schedule of that name");
  return { text: `${printable(name)}: ${what}\n`, json: { name, [what]: true } };
}

async function runNow(store: ScheduleStore, [name = ""]: readonly string[]): Promise<Printed> {
  const id = await store.runSchedule(name);
  const text = id === null ? "a job of it is active, and none was made" : `job ${id}`;
  return { text: `${printable(name)}: ${text}\n`, json: { name, id } };
}

async function next(
  store: ScheduleStore,
  [cron = ""]: readonly string[],
  options: Options,
): Promise<Printed> {
  const count = options.count === undefined ? 5 : wholeNumber("count", options.count, 1, 1_000);
  const timeZone = options.zone ?? "UTC";
  const ticks = await store.nextTicks(cron, { timeZone, count });
  const local = new Intl.DateTimeFormat("sv-SE", { timeZone, dateStyle: "short", timeStyle: "medium" });
  const rows = ticks.map((tick) => [local.format(tick), timeZone, moment(tick)]);
  return { text: `${printable(cronInWords(cron))}\n\n${columns(rows, "left")}`, json: ticks };
}

function moment(date: Date | null): string {
  return date === null ? "-" : date.toISOString().replace(".000Z", "Z");
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new UsageError("--payload: expected JSON");
  }
}
