import { fileURLToPath } from "node:url";

import { tableNames, type TableOptions } from "../../core/sql/table-names.ts";
import { DASHBOARD } from "./page.ts";
import type { Screen } from "./screen.ts";

/** What {@link whatNext} refers to. */
export interface WhatNext {
  readonly databaseUrl: string | undefined;
  readonly once: boolean;
  readonly table: TableOptions;
  readonly url: string;
  readonly summaryId: string;
}

/** Writes how to look further. */
export function whatNext(screen: Screen, { databaseUrl, once, table, url, summaryId }: WhatNext): void {
  // In the repository there is no `npx pqrun`.
  const fromSource = fileURLToPath(import.meta.url).endsWith(".ts");
  const pqrun = fromSource ? "npm run pqrun --" : "npx pqrun";
  const demo = fromSource ? "npm start" : "npx pqrun demo";
  const stats = `${pqrun} stats --table ${tableNames(table).table}`;
  screen.heading("To look further");
  if (once) screen.fact("serve", `${demo}   the same without --once: it goes on serving its API`);
  else {
    screen.fact("dashboard", `${url}${DASHBOARD}   jobs come, fail, are retried; a worker dies`);
    screen.fact("a schedule", "has the first file summarized anew each minute: see the page");
    screen.line(`  curl ${url}/jobs/${summaryId}`);
    screen.line(`  curl ${url}/summaries --json '{"text":"One sentence. Another one, which says more."}'`);
  }
  if (databaseUrl === undefined) screen.fact("PostgreSQL", `DATABASE_URL=… ${demo}   in a table of its own`);
  screen.fact("the table", `${databaseUrl === undefined ? "DATABASE_URL=… " : ""}${stats}`);
  const where = fromSource ? "examples/hono-node" : "examples/hono-node in the repository of pqrun";
  screen.fact("the code", `${where}, and README.md`);
  if (!once) screen.line("\nServing until Ctrl-C.");
}
