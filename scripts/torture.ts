// npm run torture -- --jobs 200000 --faults 2000 [--seed 1] [--report file]: workers, drains and producers over three
// drivers under kill -9, stops, restarts, locks, and a network that fails, and then the accounts. All are 0, or it fails.
// To find out what a finding comes from: --only lockTable,stall commits no other faults, and --without settings,crowd
// leaves out what else stands through the whole run.
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { withClient } from "../test/support/postgres.ts";
import { FAULTS, type Fault } from "../test/torture/chaos.ts";
import { CONDITIONS } from "../test/torture/conditions.ts";
import { torture } from "../test/torture/run.ts";
import { KillableServer } from "../test/torture/server.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "5000" },
    faults: { type: "string", default: "60" },
    seed: { type: "string", default: String(randomInt(1_000_000_000)) },
    report: { type: "string" },
    only: { type: "string", default: "" },
    without: { type: "string", default: "" },
  },
});
const only = named(values.only, Object.keys(FAULTS) as Fault[]);
const without = named(values.without, CONDITIONS);
const [jobs, faults, seed] = [values.jobs, values.faults, values.seed].map(Number);
const counts = [jobs, faults, seed].every((value) => Number.isInteger(value) && Number(value) >= 0);
if (!counts || only === undefined || without === undefined) {
  console.error(`usage: npm run torture -- [--jobs n] [--faults n] [--seed n] [--report file]
  --only    of ${Object.keys(FAULTS).join(", ")}
  --without of ${CONDITIONS.join(", ")}`);
  process.exit(2);
}
/** Findings of each account that are printed and reported; all are counted. */
const SHOWN = 10;

// Each process of the fleet is killed when this one exits.
process.setMaxListeners(50);
const folder = mkdtempSync(join(tmpdir(), "pqrun-torture-"));
const server = await KillableServer.open();
try {
  const postgres = await withClient(server.url, async (client) => {
    const { rows } = await client.query<{ server_version: string }>("SHOW server_version");
    return rows[0]?.server_version ?? "unknown";
  });
  console.log(`PostgreSQL ${postgres}, Node ${process.version}; seed ${String(seed)}`);
  const options = { jobs: Number(jobs), faults: Number(faults), seed: Number(seed), folder, only, without };
  const { chaos, findings, workedMs, ...rest } = await torture(server, options);
  const report = {
    seed,
    asked: { jobs, faults, only, without },
    versions: { node: process.version, server: postgres, ...packageVersions() },
    faults: { total: chaos.total, ...chaos.counts },
    locks: chaos.tables.locks,
    cancelled: chaos.tables.cancelled,
    ...rest,
    jobsPerSecond: Math.round((rest.rows / workedMs) * 1_000),
    durationSeconds: Math.round(workedMs / 1_000),
    findings: Object.values(Object.groupBy(findings, ({ account }) => account)).flatMap((of) =>
      of.slice(0, SHOWN),
    ),
  };
  const text = JSON.stringify(report, null, 2);
  console.log(text);
  if (values.report !== undefined) writeFileSync(values.report, `${text}\n`);
  if (findings.length > 0) {
    console.error(
      `${String(findings.length)} findings; again: --jobs ${String(jobs)} --faults ${String(faults)} --seed ${String(seed)}`,
    );
    process.exitCode = 1;
  }
} finally {
  await server.stop();
  rmSync(folder, { recursive: true, force: true });
}
// A connection that a fault left half-open must not hold the finished run.
setImmediate(() => process.exit());

/** A list of names, or undefined where one is none of them. */
function named<T extends string>(text: string, known: readonly T[]): readonly T[] | undefined {
  const names = text.split(",").filter((name) => name !== "");
  const found = known.filter((name) => names.includes(name));
  return found.length === names.length ? found : undefined;
}

function packageVersions(): Record<string, string> {
  const versionOf = (path: string): string =>
    (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version;
  const drivers = ["pg", "postgres", "@neondatabase/serverless"];
  return {
    pqrun: versionOf("package.json"),
    ...Object.fromEntries(drivers.map((name) => [name, versionOf(`node_modules/${name}/package.json`)])),
  };
}
