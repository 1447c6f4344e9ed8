// npm run test:messages -- --rounds 100 [--driver pg]: cuts a connection before, at and after every protocol message of
// every operation and of a worker, through every driver, so many times over, on a PostgreSQL of its own.
import { randomUUID } from "node:crypto";
import { parseArgs } from "node:util";

import { DRIVERS, type DriverName } from "../test/faults/messages/drivers.ts";
import { cutOperations, openPlace, type Counts } from "../test/faults/messages/pass.ts";
import { cutWorkers } from "../test/faults/messages/worker.ts";
import { provisionPostgres } from "../test/support/postgres-provision.ts";
import { withClient } from "../test/support/postgres.ts";

const { values } = parseArgs({
  options: { rounds: { type: "string", default: "100" }, driver: { type: "string", multiple: true } },
});
const rounds = Number(values.rounds);
const all = Object.keys(DRIVERS) as DriverName[];
const drivers = all.filter((name) => values.driver?.includes(name) ?? true);
if (!Number.isInteger(rounds) || rounds < 1 || drivers.length !== (values.driver?.length ?? all.length)) {
  console.error(
    `usage: npm run test:messages -- [--rounds n] [--driver ${all.map((name) => `"${name}"`).join(" | ")}]…`,
  );
  process.exit(2);
}

const counts = new Map<DriverName, Counts>(drivers.map((name) => [name, new Map<string, number>()]));
const start = Date.now();
const server = await provisionPostgres();
console.log(`PostgreSQL ${server.version}, ${server.origin}; ${rounds} rounds through ${drivers.join("; ")}`);
try {
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, seen] of counts) await passOver(name, seen);
    const seconds = ((Date.now() - start) / 1_000).toFixed(0);
    console.log(`round ${round} of ${rounds}: ${total([...counts.values()])} cuts in ${seconds} s`);
  }
} catch (error) {
  console.error(error);
  process.exitCode = 1;
} finally {
  await server.stop();
}
for (const [name, seen] of counts) {
  console.log(`${name}: ${total([seen])} cuts`);
  for (const [what, times] of seen) console.log(`  ${times} ${what}`);
}

/** In a database of its own, so that a failure leaves nothing to the next. */
async function passOver(driver: DriverName, seen: Counts): Promise<void> {
  const database = `pqrun_messages_${randomUUID().replaceAll("-", "")}`;
  await withClient(server.url, (client) => client.query(`CREATE DATABASE ${database}`));
  const url = new URL(server.url);
  url.pathname = `/${database}`;
  try {
    await withClient(url.href, async (client) => {
      await using place = await openPlace(driver, url.href, client);
      try {
        await cutOperations(place, seen);
        await cutWorkers(place, seen);
      } catch (error) {
        throw new Error(driver, { cause: error });
      }
    });
  } finally {
    await withClient(server.url, (client) => client.query(`DROP DATABASE ${database} WITH (FORCE)`));
  }
}

function total(several: readonly Counts[]): number {
  return several.flatMap((seen) => [...seen.values()]).reduce((sum, times) => sum + times, 0);
}
