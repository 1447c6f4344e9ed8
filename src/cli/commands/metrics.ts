import { metricsText } from "../../core/metrics-text.ts";
import { overview } from "../../core/operations/overview.ts";
import { readOptions } from "../arguments.ts";
import { EXIT, type Command } from "../command.ts";
import { QUEUE_OPTIONS } from "../options.ts";
import { withStore } from "../queue.ts";
import { printableJson, printableLines } from "../terminal/printable.ts";

/** `pqrun metrics`: the queue for Prometheus. */
export const metricsCommand: Command = {
  name: "metrics",
  summary: "print Prometheus metrics",
  usage: "pqrun metrics [options]",
  about: `Prints gauges of the queue in Prometheus' text format, for node_exporter's textfile
collector; in milliseconds however large the table is. From code: \`metricsText\` of
pqrun/metrics.`,
  options: QUEUE_OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, QUEUE_OPTIONS);
    const now = await withStore(io, options, overview);
    io.stdout.write(options.json === true ? `${printableJson(now)}\n` : printableLines(metricsText(now)));
    return EXIT.done;
  },
};
