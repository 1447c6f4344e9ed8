// npm run bench:compare -- --base REF [--pairs 10 --jobs 40000 --only drain,bulk,latency --postgres 18]: this checkout beside an earlier
// commit of it, run by run in turn, and that commit beside itself: what the machine alone makes of one program.
import { execFileSync } from "node:child_process";
import { mkdtempSync, rmSync, symlinkSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { parseArgs } from "node:util";

import { COMPARISONS, type Build, type Figures } from "./compare-scenarios.ts";
import { startServer, type BenchServer } from "./server.ts";
import { ratios, spread } from "./statistics.ts";

const root = fileURLToPath(new URL("../", import.meta.url));

const { values } = parseArgs({
  options: {
    base: { type: "string" },
    pairs: { type: "string", default: "10" },
    jobs: { type: "string", default: "40000" },
    only: { type: "string", default: COMPARISONS.map(({ name }) => name).join(",") },
    postgres: { type: "string", default: "18" },
  },
});
if (values.base === undefined) throw new Error("--base is the commit to compare with");
const pairs = Number(values.pairs);
const comparisons = COMPARISONS.filter(({ name }) => values.only.split(",").includes(name));

const folder = mkdtempSync(join(tmpdir(), "pqrun-base-"));
const checkout = join(folder, "base");
let server: BenchServer | undefined;
try {
  run("git", ["worktree", "add", "--detach", checkout, values.base], root);
  symlinkSync(join(root, "node_modules"), join(checkout, "node_modules"));
  for (const place of [root, checkout]) run("npm", ["run", "--silent", "build", "--", "--silent"], place);
  server = await startServer(values.postgres);
  const base = buildIn(checkout);
  await compare(server, { base, head: buildIn(root), "base again": base });
} finally {
  await server?.stop();
  run("git", ["worktree", "remove", "--force", checkout], root);
  rmSync(folder, { recursive: true, force: true });
}

type Builds = Readonly<Record<"base" | "head" | "base again", Build>>;

async function compare(at: BenchServer, builds: Builds): Promise<void> {
  for (const { name, measure } of comparisons) {
    const samples = new Map<string, Figures[]>(Object.keys(builds).map((label) => [label, []]));
    for (let pair = 0; pair < pairs; pair += 1) {
      const lanes = Object.entries(builds);
      for (const [label, build] of pair % 2 === 0 ? lanes : lanes.toReversed()) {
        const figures = await measure(at, build, Number(values.jobs));
        samples.get(label)?.push(figures);
        console.error(`${name} ${pair + 1}/${pairs} ${label}: ${inShort(figures)}`);
      }
    }
    report(name, samples);
  }
}

function report(name: string, samples: ReadonlyMap<string, readonly Figures[]>): void {
  const of = (label: string, figure: string): readonly number[] =>
    (samples.get(label) ?? []).map((figures) => figures[figure] ?? NaN);
  console.log(`\n${name}, ${pairs} pairs: median (least to greatest)`);
  for (const figure of Object.keys(samples.get("base")?.[0] ?? {})) {
    const base = of("base", figure);
    const lines = [
      `base ${inWords(base)}`,
      `head ${inWords(of("head", figure))}`,
      `head/base ${inWords(ratios(of("head", figure), base))}`,
      `base/base ${inWords(ratios(of("base again", figure), base))}`,
    ];
    console.log(`  ${figure}: ${lines.join("; ")}`);
  }
}

function inWords(samples: readonly number[]): string {
  const { median, min, max } = spread(samples);
  return `${digits(median)} (${digits(min)} to ${digits(max)})`;
}

function inShort(figures: Figures): string {
  return Object.entries(figures)
    .map(([figure, value]) => `${figure} ${digits(value)}`)
    .join(", ");
}

function digits(value: number): string {
  return value >= 100 ? String(Math.round(value)) : value.toPrecision(3);
}

function buildIn(place: string): Build {
  return { dist: pathToFileURL(join(place, "dist/")).href };
}

function run(command: string, args: readonly string[], cwd: string): void {
  execFileSync(command, args, { cwd, stdio: ["ignore", "ignore", "inherit"] });
}
