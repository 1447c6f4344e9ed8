import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";

import { Miniflare } from "miniflare";
import { afterAll } from "vitest";

import { PROJECT } from "../../scripts/install-built.ts";
import type { Cell } from "./cell.ts";
import type { BudgetDrain } from "./cells/budgets.ts";
import type { Place } from "./cells/place.ts";
import type { Listing, Verdict } from "./cells/suite.ts";
import { program } from "./program.ts";

/** Not after the release of Miniflare's workerd, which would refuse to start. */
const COMPATIBILITY = { date: "2026-07-01", flags: ["nodejs_compat"] } as const;
/** A request takes at most as long as the test that it runs. */
const REQUEST_LIMIT_MS = 45_000;

/** Bundles the cells' Worker as a user's is: by wrangler, for Cloudflare. Answers the script's path. */
export function bundleWorker(): string {
  const config = `${PROJECT}cells/wrangler.json`;
  writeFileSync(
    config,
    JSON.stringify({
      name: "cells",
      main: "worker.ts",
      compatibility_date: COMPATIBILITY.date,
      compatibility_flags: COMPATIBILITY.flags,
    }),
  );
  const outdir = `${PROJECT}cells/worker`;
  execFileSync(
    program("wrangler"),
    ["deploy", "--dry-run", "--config", config, "--outdir", outdir, "--upload-source-maps"],
    {
      cwd: PROJECT,
      stdio: ["ignore", "ignore", "inherit"],
      env: { ...process.env, CLOUDFLARE_CF_FETCH_ENABLED: "false", WRANGLER_SEND_METRICS: "false" },
    },
  );
  const { sources } = JSON.parse(readFileSync(`${outdir}/worker.js.map`, "utf8")) as {
    readonly sources: readonly string[];
  };
  if (
    !sources.some((path) => path.includes("node_modules/pqrun/dist/")) ||
    sources.some((path) => path.includes("src/core/"))
  ) {
    throw new Error(
      `not the built package, but ${sources.filter((path) => path.includes("pqrun")).join(", ")}`,
    );
  }
  return `${outdir}/worker.js`;
}

/** A cell in a workerd of its own: each test is a request. */
export async function workerdCell(
  scriptPath: string,
  driver: string,
  place: Place,
  hyperdrive: boolean,
): Promise<Cell> {
  const workerd = new Miniflare({
    modules: [{ type: "ESModule", path: scriptPath }],
    modulesRoot: `${PROJECT}cells/worker`,
    compatibilityDate: COMPATIBILITY.date,
    compatibilityFlags: [...COMPATIBILITY.flags],
    bindings: { PLACE: place },
    ...(hyperdrive ? { hyperdrives: { HYPERDRIVE: place.databaseUrl } } : {}),
    cf: false,
  });
  afterAll(() => workerd.dispose());
  const ask = async (path: string): Promise<unknown> => {
    const response = await workerd.dispatchFetch(`http://cell/${path}`, {
      signal: AbortSignal.timeout(REQUEST_LIMIT_MS),
    });
    if (response.status !== 200) throw new Error(`${path}: ${response.status} ${await response.text()}`);
    return response.json();
  };
  return {
    listing: (await ask(driver)) as Listing,
    budgets: async (seed, drains) =>
      (await ask(`${driver}/budgets/${seed}/${drains}`)) as readonly BudgetDrain[],
    run: async (index) => (await ask(`${driver}/${index}`)) as Verdict,
  };
}
