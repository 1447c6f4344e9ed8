import { expect, onTestFinished, test } from "vitest";

import { pgExecutor } from "../../../src/adapters/pg/pg.ts";
import { migrate } from "../../../src/migrate/migrate.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { postgresWithCron, testWithout } from "../../runtimes/debian-packages.ts";
import { testPool } from "../../support/pool.ts";
import { withClient } from "../../support/postgres.ts";
import { replicatedServer } from "../../support/replicated-server.ts";

const NAME = "a dashboard's reads (get, list, stats) may go to a standby, and nothing else does";

// The binaries from npm lack pg_basebackup.
const installed = postgresWithCron();
if (installed === undefined) testWithout("postgresql-15 postgresql-15-cron", NAME);
else
  test(NAME, async () => {
    await using server = await replicatedServer(installed);
    await withClient(server.url, (client) => migrate(pgExecutor(client)));
    const storeOn = (url: string): PgJobStore => {
      const pool = testPool(url, { max: 2 });
      onTestFinished(() => pool.end());
      return new PgJobStore(pgExecutor(pool));
    };
    const [primary, standby] = [storeOn(server.url), storeOn(server.replicaUrl)];
    const { id } = await primary.enqueue("a", { n: 1 });
    // What is acknowledged has been flushed there, and is replayed a moment later.
    await expect.poll(() => standby.get(id)).toMatchObject({ id, status: "READY", payload: { n: 1 } });
    expect(await standby.list({ types: ["a"] })).toMatchObject([{ id }]);
    const { counts, due, types } = await primary.stats();
    expect(await standby.stats()).toMatchObject({ counts, due, types });
    await expect(standby.enqueue("a", {})).rejects.toMatchObject({ code: "25006" });
    await expect(standby.pickup({ types: ["a"] })).rejects.toThrow(/during recovery|read-only/);
    expect(await primary.list()).toHaveLength(1);
  });
