import { EdgeVM } from "@edge-runtime/vm";
import { build } from "esbuild";

import { PROJECT } from "../../scripts/install-built.ts";
import type { Cell } from "./cell.ts";
import type { BudgetDrain } from "./cells/budgets.ts";
import type { Place } from "./cells/place.ts";
import type { Listing, Verdict } from "./cells/suite.ts";

/** Bundles an entry for Vercel's edge: one script, all inside, nothing of Node's. */
export async function bundleForEdge(entry: string): Promise<string> {
  const { outputFiles, metafile } = await build({
    entryPoints: [entry],
    absWorkingDir: PROJECT,
    bundle: true,
    write: false,
    metafile: true,
    format: "iife",
    target: "es2022",
    conditions: ["edge-light", "worker", "browser"],
    logLevel: "silent",
  });
  const sources = Object.keys(metafile.inputs);
  if (!sources.some((path) => path.startsWith("node_modules/pqrun/dist/"))) {
    throw new Error(
      `not the built package, but ${sources.filter((path) => path.includes("pqrun")).join(", ")}`,
    );
  }
  return outputFiles[0]?.text ?? "";
}

/** A cell inside Vercel's edge VM: each test is a fetch event. */
export async function edgeCell(place: Place): Promise<Cell> {
  const vm = new EdgeVM({
    initialCode: await bundleForEdge("cells/edge.ts"),
    extend: (context) => Object.assign(context, { PLACE: place }),
  });
  const ask = async (path: string): Promise<unknown> => {
    const response = await vm.dispatchFetch(`http://cell/${path}`);
    return response.json();
  };
  return {
    listing: (await ask("neon-http")) as Listing,
    budgets: async (seed, drains) =>
      (await ask(`neon-http/budgets/${seed}/${drains}`)) as readonly BudgetDrain[],
    run: async (index) => (await ask(`neon-http/${index}`)) as Verdict,
  };
}
