import { PGlite } from "@electric-sql/pglite";
import { test } from "vitest";

import { pgliteExecutor } from "../../../src/adapters/pglite.ts";
import { migrate } from "../../../src/migrate/migrate.ts";
import { greatIdsThrough } from "../../support/great-ids.ts";

test("34: ids beyond 2^31, 2^53 and up to 2^63 come through every operation of PGlite", async () => {
  await using pglite = await PGlite.create();
  const executor = pgliteExecutor(pglite);
  await migrate(executor);
  await greatIdsThrough(executor);
});
