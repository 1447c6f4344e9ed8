import { readOptions, wholeNumber } from "../arguments.ts";
import { EXIT, type Command } from "../command.ts";
import { connect } from "../connect.ts";
import { requireDatabaseUrl } from "../database-url.ts";
import { tableOf } from "../environment.ts";
import { DATABASE_OPTIONS, TABLE_OPTIONS, type CliOptions } from "../options.ts";
import { requirePackages } from "../require-packages.ts";
import { untilInterrupted } from "../until-interrupted.ts";

const OPTIONS = {
  port: {
    type: "string",
    value: "N",
    help: "its port (default: 7434, or one that is free; 0: one that is free)",
  },
  "read-only": { type: "boolean", help: "show, and change nothing" },
  ...TABLE_OPTIONS,
  ...DATABASE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun dashboard`: what `pqrun/dashboard` mounts in an application, served to this machine. */
export const dashboardCommand: Command = {
  name: "dashboard",
  summary: "serve the dashboard to this machine",
  usage: "pqrun dashboard [options]",
  about: `Serves the dashboard on 127.0.0.1 until Ctrl-C, and prints its URL: who does not
have the URL, whose token is another at each start, gets nothing.`,
  options: OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, OPTIONS);
    const port = options.port === undefined ? undefined : wholeNumber("port", options.port, 0, 65_535);
    const url = requireDatabaseUrl(io, options);
    await requirePackages("the dashboard", {
      hono: () => import("hono"),
      "@hono/node-server": () => import("@hono/node-server"),
    });
    await using connection = await connect(url);
    // Not before: it needs these packages.
    const { serveDashboard } = await import("../serve-dashboard.ts");
    const readOnly = options["read-only"] ?? false;
    const failed = (text: string): void => {
      io.stderr.write(`pqrun: ${text}\n`);
    };
    const own = { readOnly, port, failed };
    await using serving = await serveDashboard(connection.executor, tableOf(io, options), own);
    io.stdout.write(`${serving.url}\n`);
    io.stderr.write("Serving until Ctrl-C.\n");
    await untilInterrupted(io.signal);
    return EXIT.done;
  },
};
