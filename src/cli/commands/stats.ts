import { JOB_STATUSES } from "../../core/job.ts";
import type { Stats } from "../../core/operations/stats.ts";
import { PgJobStore } from "../../core/store.ts";
import { columns } from "../terminal/columns.ts";
import { readOptions, TABLE_HELP, TABLE_OPTIONS, tableOf } from "../arguments.ts";
import { connect } from "../connect.ts";
import { DATABASE_HELP, DATABASE_OPTIONS, requireDatabaseUrl } from "../database-url.ts";
import { EXIT, type Command } from "../command.ts";
import { printable, printableJson } from "../terminal/printable.ts";
import { tableTitle } from "../terminal/table-title.ts";

/** `pqrun stats`: what is in the table. */
export const statsCommand: Command = {
  name: "stats",
  summary: "show what is in the table",
  help: `pqrun stats [options]

Counts the jobs by type and state, what is due, and since when. Reads the whole table.

${TABLE_HELP}
  --json           print JSON
${DATABASE_HELP}`,
  run: async (args, io) => {
    const options = readOptions(args, { ...TABLE_OPTIONS, ...DATABASE_OPTIONS, json: { type: "boolean" } });
    const table = tableOf(options);
    await using connection = await connect(requireDatabaseUrl(io, options));
    const stats = await new PgJobStore(connection.executor, table).stats();
    io.stdout.write(
      options.json === true ? `${printableJson(stats)}\n` : `${tableTitle(table)}\n\n${statsText(stats)}`,
    );
    return EXIT.done;
  },
};

/** A table of types and states, and what an operator asks next. */
export function statsText({ counts, types, due, oldestDueSeconds, leasesEnded, tableAge }: Stats): string {
  const jobs = [
    ["", ...JOB_STATUSES],
    ...Object.entries(types).map(([type, of]) => [
      printable(type),
      ...JOB_STATUSES.map((status) => String(of[status] ?? 0)),
    ]),
    ["all", ...JOB_STATUSES.map((status) => String(counts[status]))],
  ];
  const oldest = oldestDueSeconds === null ? "" : `, the oldest for ${duration(oldestDueSeconds)}`;
  const facts = [
    ["due now", `${due}${oldest}`],
    ["leases ended", leasesEnded === 0 ? "0" : `${leasesEnded}, reaped by the next worker that looks`],
    ["table age", `${tableAge.toLocaleString("en")} transactions`],
  ];
  return `${columns(jobs, "right")}\n${columns(facts, "left")}`;
}

function duration(seconds: number): string {
  if (seconds < 120) return `${Math.round(seconds)} s`;
  if (seconds < 7_200) return `${Math.round(seconds / 60)} min`;
  if (seconds < 172_800) return `${Math.round(seconds / 3_600)} h`;
  return `${Math.round(seconds / 86_400)} days`;
}
