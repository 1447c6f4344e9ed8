import { setTimeout } from "node:timers/promises";

import type { Store } from "../../../examples/hono-node/app.ts";
import { createHandlers } from "../../../examples/hono-node/handlers.ts";
import { jobs } from "../../../examples/hono-node/jobs.ts";
import { ScheduleStore } from "../../core/schedules/schedule-store.ts";
import type { TableOptions } from "../../core/sql/table-names.ts";
import { Worker } from "../../runners/worker/worker.ts";
import { EXIT, type CliIo } from "../command.ts";
import { migrate } from "../../migrate/migrate.ts";
import { printable } from "../terminal/printable.ts";
import { untilInterrupted } from "../until-interrupted.ts";
import { tableTitle } from "../terminal/table-title.ts";
import { demoSchedules, NO_SCHEDULES, OWNER } from "./demo-schedules.ts";
import { enqueueAll } from "./enqueue-all.ts";
import { markdownFiles } from "./markdown-files.ts";
import { openDatabase } from "./open-database.ts";
import { startFlow } from "./flow.ts";
import { createPage, DASHBOARD } from "./page.ts";
import { Progress } from "./progress.ts";
import { failures, readJobs, report } from "./report.ts";
import { Screen } from "./screen.ts";
import { serve } from "./serve.ts";
import { whatNext } from "./what-next.ts";

/** Options of {@link runDemo}. */
export interface DemoOptions {
  /** @default PGlite in memory, where undefined */
  readonly databaseUrl: string | undefined;
  readonly folder: string;
  readonly once: boolean;
  /** 0 takes one that is free, undefined {@link DEMO_PORT} where that is free. */
  readonly port: number | undefined;
  readonly table: TableOptions;
}

const CONCURRENCY = 4;

/**
 * Serves the Hono example, runs its worker, and has it summarize, embed and
 * relate the Markdown files of a folder.
 *
 * @returns 0, or 1 where a job FAILED. @throws the interruption, if it comes before the work is done.
 */
export async function runDemo(io: CliIo, options: DemoOptions): Promise<number> {
  const screen = new Screen(io);
  screen.line(`pqrun demo: summarize, embed and relate the Markdown files of ${printable(options.folder)}`);
  screen.line();
  const files = await markdownFiles(options.folder);
  if (files.paths.length === 0)
    throw new Error("the folder holds no Markdown file: choose another with --path");
  const leftOut = files.leftOut > 0 ? `; ${files.leftOut} too large, or too many, left out` : "";
  screen.fact("files", `${files.paths.length}, ${Math.ceil(files.bytes / 1000)} kB${leftOut}`);

  await using database = await openDatabase(options.databaseUrl);
  screen.fact("database", database.driver);
  const { table } = await migrate(database.executor, options.table, { signal: io.signal });
  screen.fact("table", `${tableTitle(options.table)}, ${table}`);
  const store = new ScheduleStore(database.executor, { jobs, logger: false, ...options.table });
  await using server = await serve(createPage(store).fetch, options.port);
  screen.fact("dashboard", `${server.url}${DASHBOARD}`);

  const enqueued = await enqueueAll(screen, store, server.url, files.paths);
  screen.heading(`A worker starts, with ${CONCURRENCY} slots`);
  const progress = new Progress(screen, files.paths.length);
  await using worker = new Worker({
    store,
    handlers: createHandlers(options.folder),
    // A run that ends by itself ends no later for a tick.
    schedules: options.once ? NO_SCHEDULES : demoSchedules(files.paths[0] ?? ""),
    owner: OWNER,
    concurrency: CONCURRENCY,
    onEvent: progress.onEvent,
    shutdownGraceSeconds: 2,
    // WORKER_ENABLED=false is for applications.
    env: {},
  });
  worker.start();
  await using _flow = options.once ? undefined : startFlow(database.executor, options.table, screen);
  await ended(store, enqueued.relateId, io.signal);
  progress.show();

  const done = await readJobs(store, enqueued.summaryIds, enqueued.relateId);
  screen.heading(`Done in ${progress.seconds} s`);
  screen.line();
  report(screen, done, enqueued.duplicates);
  whatNext(screen, { ...options, url: server.url, summaryId: enqueued.summaryIds[0] ?? "1" });
  if (!options.once) await untilInterrupted(io.signal);
  return failures(done) > 0 ? EXIT.failed : EXIT.done;
}

/** `relate` waits for all others, so its end is theirs. */
async function ended(store: Store, relateId: string, signal: AbortSignal): Promise<void> {
  for (;;) {
    signal.throwIfAborted();
    const status = (await store.get(relateId))?.status;
    if (status !== "READY" && status !== "RUNNING") return;
    // Rejects with an AbortError, where the reason says more.
    await setTimeout(200, undefined, { signal }).catch(() => undefined);
  }
}
