// npm run torture -- --jobs 200000 --faults 2000 [--seed 1] [--report file]: workers, drains and producers over three
// drivers under kill -9, stops, restarts and a network that fails, and then the accounts. All are 0, or it fails.
import { randomInt } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";

import { withClient } from "../test/support/postgres.ts";
import { torture } from "../test/torture/run.ts";
import { KillableServer } from "../test/torture/server.ts";

const { values } = parseArgs({
  options: {
    jobs: { type: "string", default: "5000" },
    faults: { type: "string", default: "60" },
    seed: { type: "string", default: String(randomInt(1_000_000_000)) },
    report: { type: "string" },
  },
});
const [jobs, faults, seed] = [values.jobs, values.faults, values.seed].map(Number);
if (![jobs, faults, seed].every((value) => Number.isInteger(value) && Number(value) >= 0)) {
  console.error("usage: npm run torture -- [--jobs n] [--faults n] [--seed n] [--report file]");
  process.exit(2);
}
/** Findings that are printed and reported; all are counted. */
const SHOWN = 50;

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
  const options = { jobs: Number(jobs), faults: Number(faults), seed: Number(seed), folder };
  const { chaos, findings, workedMs, ...rest } = await torture(server, options);
  const report = {
    seed,
    asked: { jobs, faults },
    versions: { node: process.version, server: postgres, ...packageVersions() },
    faults: { total: chaos.total, ...chaos.counts },
    ...rest,
    jobsPerSecond: Math.round((rest.rows / workedMs) * 1_000),
    durationSeconds: Math.round(workedMs / 1_000),
    findings: findings.slice(0, SHOWN),
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

function packageVersions(): Record<string, string> {
  const versionOf = (path: string): string =>
    (JSON.parse(readFileSync(path, "utf8")) as { readonly version: string }).version;
  const drivers = ["pg", "postgres", "@neondatabase/serverless"];
  return {
    pqrun: versionOf("package.json"),
    ...Object.fromEntries(drivers.map((name) => [name, versionOf(`node_modules/${name}/package.json`)])),
  };
}
