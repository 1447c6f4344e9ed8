// npm run test:model -- --commands 100000 [--seed 1]: commands of any kind against the model of the queue and the store
// at once, on a PostgreSQL of its own. A failure prints its seed, its path and the shrunk commands; with --path and
// --replay as printed it runs that failure alone.
import { randomInt, randomUUID } from "node:crypto";
import { parseArgs } from "node:util";

import { RealQueue } from "../test/model/real-queue.ts";
import { modelRun } from "../test/model/run.ts";
import { nothingMet } from "../test/model/tally.ts";
import { withClient } from "../test/support/postgres.ts";
import { provisionPostgres } from "../test/support/postgres-provision.ts";

const { values } = parseArgs({
  options: {
    commands: { type: "string", default: "100000" },
    seed: { type: "string", default: String(randomInt(1_000_000_000)) },
    path: { type: "string" },
    replay: { type: "string" },
  },
});
const wanted = Number(values.commands);
const seed = Number(values.seed);
if (!Number.isInteger(wanted) || wanted < 1 || !Number.isInteger(seed) || seed < 0) {
  console.error("usage: npm run test:model -- [--commands n] [--seed n [--path p --replay r]]");
  process.exit(2);
}

/** Sequences between two lines of progress. */
const BATCH = 100;
/** Longer ones come to states that short ones don't, such as a tenth release. */
const MAX_COMMANDS = 100;

const server = await provisionPostgres();
const name = `pqrun_model_${randomUUID().replaceAll("-", "")}`;
console.log(
  `PostgreSQL ${server.version}, ${server.origin}; seed ${seed}, at most ${MAX_COMMANDS} commands in a sequence`,
);
try {
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${name}`));
  const url = new URL(server.url);
  url.pathname = `/${name}`;
  const real = await RealQueue.open(url.href);
  try {
    if (!(await passes(real))) process.exitCode = 1;
  } finally {
    await real.close();
    await withClient(server.url, (client) => client.query(`DROP DATABASE ${name}`));
  }
} finally {
  await server.stop();
}

async function passes(real: RealQueue): Promise<boolean> {
  const start = Date.now();
  const { path, replay } = values;
  const met = nothingMet();
  // Each batch has a seed of its own, and a failure's report tells it: one batch can be run again alone.
  for (let batch = 0; met.commands.total < wanted; batch += 1) {
    const { failed, report } = await modelRun(real, {
      seed: seed + batch,
      runs: BATCH,
      maxCommands: MAX_COMMANDS,
      path,
      replayPath: replay,
      met,
    });
    if (failed) {
      console.error(`${report}\nagain: --seed ${seed + batch} --path … --replay …, as above`);
      return false;
    }
    const seconds = (Date.now() - start) / 1_000;
    console.log(
      `${met.commands.total} commands in ${seconds.toFixed(0)} s, batch ${batch + 1} of seed ${seed + batch}`,
    );
    if (path !== undefined) break;
  }
  console.log(`as the model says, in all of ${met.commands.total} commands: ${String(met.commands)}`);
  console.log(`met: ${String(met.answers)}`);
  return true;
}
