import { resolve } from "node:path";

import { readOptions, wholeNumber } from "../arguments.ts";
import { findDatabaseUrl } from "../database-url.ts";
import type { Command } from "../command.ts";
import { DATABASE_OPTIONS, type CliOptions } from "../options.ts";
import { packageRoot } from "../../migrate/package-root.ts";
import { requirePackages } from "../require-packages.ts";

/** The demo's own table: an application may have jobs of these names in its own. */
const DEMO_TABLE = "pqrun_demo";

const OPTIONS = {
  once: { type: "boolean", help: "end when the work is done; 1 if a job failed" },
  path: { type: "string", value: "DIR", help: "the folder of Markdown files (default: pqrun's own)" },
  port: {
    type: "string",
    value: "N",
    help: "the page's port (default: 7433, or one that is free; 0: one that is free)",
  },
  // Not of the environment, where the application's own table is named.
  table: { type: "string", value: "T", help: `the table's name (default: ${DEMO_TABLE})` },
  schema: { type: "string", value: "S", help: "the table's schema (default: public)" },
  ...DATABASE_OPTIONS,
} as const satisfies CliOptions;

/** `pqrun demo`: the whole system, at work on real text. */
export const demoCommand: Command = {
  name: "demo",
  summary: "run a queue, an API and a worker over Markdown files",
  usage: "pqrun demo [options]",
  about: `Starts a queue, serves the Hono example, runs a worker, and summarizes, embeds and
relates the Markdown files of a folder. Without a database it brings one, PGlite.`,
  options: OPTIONS,
  run: async (args, io) => {
    const options = readOptions(args, OPTIONS);
    const databaseUrl = findDatabaseUrl(io, options);
    const port = options.port === undefined ? undefined : wholeNumber("port", options.port, 0, 65_535);
    const embedded = databaseUrl === undefined;
    await requirePackages(
      "the demo",
      {
        hono: () => import("hono"),
        "@hono/node-server": () => import("@hono/node-server"),
        ...(embedded ? { "@electric-sql/pglite": () => import("@electric-sql/pglite") } : {}),
      },
      embedded ? "; with DATABASE_URL set it needs no PGlite" : "",
    );
    // Not before: it needs these packages.
    const { runDemo } = await import("../demo/run-demo.ts");
    return await runDemo(io, {
      databaseUrl,
      folder: options.path === undefined ? packageRoot() : resolve(options.path),
      once: options.once ?? false,
      port,
      table: { schema: options.schema, table: options.table ?? DEMO_TABLE },
    });
  },
};
