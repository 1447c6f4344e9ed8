import { JOB_STATUSES, type JobStatus } from "../../core/job.ts";
import type { Stats } from "../../core/operations/stats.ts";
import { PgJobStore } from "../../core/store.ts";
import { columns } from "../terminal/columns.ts";
import { readOptions } from "../arguments.ts";
import { connect } from "../connect.ts";
import { requireDatabaseUrl } from "../database-url.ts";
import { EXIT, type Command } from "../command.ts";
import { tableOf } from "../environment.ts";
import { QUEUE_OPTIONS } from "../options.ts";
import { duration } from "../terminal/duration.ts";
import { printable, printableJson } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

/** `pqrun stats`: what is in the table. */
export const statsCommand: Command = {
  name: "stats",
  summary: "show what is in the table",
  usage: "pqrun stats [options]",
  about: `Shows the jobs by type and state, what is due, and since when, in some
milliseconds: of a large table it estimates what it does not count, and says
"about".`,
  options: QUEUE_OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, QUEUE_OPTIONS);
    const table = tableOf(io, options);
    await using connection = await connect(requireDatabaseUrl(io, options));
    const stats = await new PgJobStore(connection.executor, table).stats();
    io.stdout.write(
      options.json === true ? `${printableJson(stats)}\n` : `${tableTitle(table)}\n\n${statsText(stats)}`,
    );
    return EXIT.done;
  },
};

/** A table of types and states, and what an operator asks next. */
export function statsText({
  counts,
  types,
  about,
  due,
  oldestDueSeconds,
  leasesEnded,
  tableAge,
}: Stats): string {
  const figure = (status: JobStatus, count = 0): string =>
    about.includes(status) ? `about ${Number(count.toPrecision(3)).toLocaleString("en")}` : String(count);
  const jobs = [
    ["", ...JOB_STATUSES],
    ...Object.entries(types).map(([type, of]) => [
      printable(type),
      ...JOB_STATUSES.map((status) => figure(status, of[status])),
    ]),
    ["all", ...JOB_STATUSES.map((status) => figure(status, counts[status]))],
  ];
  const oldest = oldestDueSeconds === null ? "" : `, the oldest for ${duration(oldestDueSeconds)}`;
  const facts = [
    ["due now", `${figure("READY", due)}${oldest}`],
    [
      "leases ended",
      leasesEnded === 0 ? "0" : `${figure("RUNNING", leasesEnded)}, reaped by the next worker that looks`,
    ],
    ["table age", `${tableAge.toLocaleString("en")} transactions`],
  ];
  return `${columns(jobs, "right")}\n${columns(facts, "left")}`;
}
