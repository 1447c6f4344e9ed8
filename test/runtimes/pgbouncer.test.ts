import { afterAll, expect, test } from "vitest";

import manifest from "../../package.json" with { type: "json" };
import { withClient } from "../support/postgres.ts";
import { registerCell } from "./cell.ts";
import { pgbouncerProgram, testWithout } from "./debian-packages.ts";
import { pgbouncerVersion, startPgBouncer } from "./pgbouncer.ts";
import { freshPlace } from "./place.ts";
import { processCell } from "./process-cell.ts";

const program = pgbouncerProgram();
if (program === undefined) testWithout("pgbouncer", "PgBouncer");
else await registerRow(program);

async function registerRow(pgbouncer: string): Promise<void> {
  const node = manifest.devDependencies.node;
  const title = `PgBouncer ${pgbouncerVersion(pgbouncer)}, transaction mode, Node ${node}`;
  const pooler = await startPgBouncer(pgbouncer, 10);
  afterAll(() => pooler.stop());
  const databases: string[] = [];
  for (const driver of ["pg", "postgres"]) {
    const place = await freshPlace();
    databases.push(new URL(place.databaseUrl).pathname.slice(1));
    const cell = await processCell([process.execPath], driver, {
      ...place,
      directUrl: place.databaseUrl,
      databaseUrl: pooler.through(place.databaseUrl),
      lacks: { hears: "a session listens on, but nobody reads from it until it is lent for a statement" },
    });
    registerCell({ title, runtime: "node", version: node }, driver, cell);
  }

  test("each cell's statements went through the pooler, in transaction mode", async () => {
    const pools = await withClient(pooler.consoleUrl, async (client) => {
      const { rows } = await client.query<Readonly<Record<string, string>>>("SHOW POOLS");
      return rows.map(({ database, pool_mode }) => ({ database, pool_mode }));
    });
    const expected = databases.map((database) => ({ database, pool_mode: "transaction" }));
    expect(pools).toEqual(expect.arrayContaining(expected));
  });
}
