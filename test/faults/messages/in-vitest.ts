import { Client } from "pg";
import { expect, onTestFinished, test } from "vitest";

import { freshDatabase } from "../../support/postgres.ts";
import type { DriverName } from "./drivers.ts";
import { cutOperations, openPlace, type Place } from "./pass.ts";
import { cutWorkers } from "./worker.ts";

/** A few hundred sessions are opened and cut. */
const TIMEOUT_MS = 180_000;

/** The promises of one driver whose connection is cut at every message, `npm run test:messages` repeats them. */
export function promise(name: DriverName): void {
  test(
    `${name}: whatever message is cut, an operation happens whole or not at all, once, and no caller is told otherwise`,
    async () => {
      const counts = await cutOperations(await placeOf(name));
      expect([...counts.keys()].sort()).toEqual([
        "happened, answered",
        "happened, told as unknown",
        "not happened, told as unknown",
      ]);
    },
    TIMEOUT_MS,
  );

  test(
    `${name}: whatever message of a worker is cut, its job runs once, found by its nonce within one poll`,
    async () => {
      const counts = await cutWorkers(await placeOf(name));
      expect([...counts.keys()].sort()).toEqual(["ran after the cut, once", "ran before the cut, once"]);
    },
    TIMEOUT_MS,
  );
}

/** A place for one test, in a database of its own. */
async function placeOf(name: DriverName): Promise<Place> {
  const database = await freshDatabase();
  const client = new Client({ connectionString: database.url });
  client.on("error", () => undefined);
  await client.connect();
  const place = await openPlace(name, database.url, client);
  onTestFinished(async () => {
    await place[Symbol.asyncDispose]();
    await client.end();
    await database.drop();
  });
  return place;
}
