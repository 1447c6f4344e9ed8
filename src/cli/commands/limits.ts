import { limits, pauseType, resumeType, setLimits } from "../../core/operations/limits.ts";
import type { LimitedType, TypeLimits } from "../../core/operations/limits.ts";
import { JobProducer } from "../../core/producer.ts";
import type { TableOptions } from "../../core/sql/table-names.ts";
import { readArguments, wholeNumber } from "../arguments.ts";
import { EXIT, UsageError, type Command } from "../command.ts";
import { connect } from "../connect.ts";
import { requireDatabaseUrl } from "../database-url.ts";
import { tableOf } from "../environment.ts";
import { QUEUE_OPTIONS, type CliOptions } from "../options.ts";
import { suggestion } from "../suggestion.ts";
import { columns } from "../terminal/columns.ts";
import { jsonLine, printable, printableJson } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

const OPTIONS = {
  total: { type: "string", value: "N", help: "most jobs that run at once, or none for as the code says" },
  "per-key": {
    type: "string",
    value: "N",
    help: "most of one concurrency key, or none for as the code says",
  },
  rate: { type: "string", value: "N/S", help: "most starts within S seconds, or none for as the code says" },
  ...QUEUE_OPTIONS,
} as const satisfies CliOptions;

type Options = ReturnType<typeof readArguments<typeof OPTIONS>>["values"];

/** What an action prints, as text and as JSON. */
interface Printed {
  readonly text: string;
  readonly json: unknown;
}

type Action = (store: JobProducer, type: string, options: Options, table: TableOptions) => Promise<Printed>;

/** Each action with how many arguments it takes. */
const ACTIONS: Readonly<Record<string, readonly [args: 0 | 1, action: Action]>> = {
  list: [0, list],
  pause: [1, pause],
  resume: [1, resume],
  set: [1, set],
};

/** `pqrun limits`: which types are paused or limited, and by how much. */
export const limitsCommand: Command = {
  name: "limits",
  summary: "list limits, pause and resume types, and set limits",
  usage: `pqrun limits [list]                    the types that are paused or limited, and what runs of them
pqrun limits pause TYPE                pick up no job of the type; those that run end
pqrun limits resume TYPE               go on
pqrun limits set TYPE --total N        limit the type, whatever the workers' code says`,
  about: "TYPE is a job's type. What is set here goes before what the workers' code says.",
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
    if (rest.length !== expected)
      throw new UsageError(`${name} wants ${expected === 0 ? "no argument" : "TYPE"}`);
    await using connection = await connect(requireDatabaseUrl(io, values));
    const table = tableOf(io, values);
    const store = new JobProducer(connection.executor, { ...table, logger: false });
    const { text, json } = await action(store, rest[0] ?? "", values, table);
    // A list is a line for each.
    const lines = Array.isArray(json) ? json.map(jsonLine).join("") : `${printableJson(json)}\n`;
    io.stdout.write(values.json === true ? lines : text);
    return EXIT.done;
  },
};

async function list(
  store: JobProducer,
  _type: string,
  _options: Options,
  table: TableOptions,
): Promise<Printed> {
  const rows = await limits(store);
  const text =
    rows.length === 0
      ? "  no limits\n"
      : columns(
          [["type", "state", "total", "per key", "rate", "running", "put aside"], ...rows.map(line)],
          "left",
        );
  return { text: `${tableTitle(table)}\n\n${text}`, json: rows };
}

function line({ type, paused, total, perKey, rate, running, putAside }: LimitedType): readonly string[] {
  const rateText = rate === null ? "-" : `${rate.limit} in ${rate.seconds} s`;
  return [
    ...[type, paused ? "paused" : "-", String(total ?? "-"), String(perKey ?? "-"), rateText],
    ...[String(running), String(putAside)],
  ].map(printable);
}

async function pause(store: JobProducer, type: string): Promise<Printed> {
  await pauseType(store, type);
  return { text: `${printable(type)}: paused\n`, json: { type, paused: true } };
}

async function resume(store: JobProducer, type: string): Promise<Printed> {
  if (!(await resumeType(store, type))) throw new UsageError("the type is not paused");
  return { text: `${printable(type)}: resumed\n`, json: { type, resumed: true } };
}

async function set(store: JobProducer, type: string, options: Options): Promise<Printed> {
  const { total, "per-key": perKey, rate } = options;
  const wanted: TypeLimits = {
    total: numberOrNone("total", total, 0),
    perKey: numberOrNone("per-key", perKey, 1),
    rate: rateOrNone(rate),
  };
  if (Object.values(wanted).every((value) => value === undefined))
    throw new UsageError("set wants --total, --per-key or --rate");
  await setLimits(store, type, wanted);
  return { text: `${printable(type)}: set\n`, json: { type, ...wanted } };
}

const MOST = 2_147_483_647;

function numberOrNone(option: string, value: string | undefined, least: number): number | null | undefined {
  return value === undefined ? undefined : value === "none" ? null : wholeNumber(option, value, least, MOST);
}

function rateOrNone(value: string | undefined): TypeLimits["rate"] {
  if (value === undefined || value === "none") return value === undefined ? undefined : null;
  const [limit = "", seconds = ""] = value.split("/");
  if (!/^\d+\/\d+$/.test(value)) throw new UsageError("--rate: expected N/S, such as 100/60, or none");
  return { limit: wholeNumber("rate", limit, 0, MOST), seconds: wholeNumber("rate", seconds, 1, 2_147_483) };
}
