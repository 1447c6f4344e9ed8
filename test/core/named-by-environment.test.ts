import { afterEach, expect, test, vi } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { JobProducer } from "../../src/core/producer.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { tableDatabase } from "../support/table-database.ts";

afterEach(() => {
  vi.unstubAllEnvs();
  vi.unstubAllGlobals();
});

test("PQRUN_SCHEMA and PQRUN_TABLE name the table of a store, a producer and migrate; options come first", async () => {
  await using database = await tableDatabase();
  const executor = pgExecutor(database.pool);
  vi.stubEnv("PQRUN_SCHEMA", "pqrun");
  vi.stubEnv("PQRUN_TABLE", "tasks");
  await migrate(executor);
  await new PgJobStore(executor).enqueue("a", {});
  await new JobProducer(executor).enqueue("b", {});
  const rows = await database.rows("SELECT job_type AS type FROM pqrun.tasks ORDER BY id");
  expect(rows).toEqual([{ type: "a" }, { type: "b" }]);
  expect(tableNames({ schema: "public" }).jobs).toBe('"public"."tasks"');
  expect(tableNames({ schema: "app", table: "jobs" }).jobs).toBe('"app"."jobs"');
});

test("Deno is asked first whether a variable may be read: on a terminal it would prompt", () => {
  const asked: string[] = [];
  const granted = new Set(["PQRUN_TABLE"]);
  vi.stubEnv("PQRUN_SCHEMA", "pqrun");
  vi.stubEnv("PQRUN_TABLE", "tasks");
  vi.stubGlobal("Deno", {
    permissions: {
      querySync: ({ variable }: { variable: string }) => {
        asked.push(variable);
        return { state: granted.has(variable) ? "granted" : "prompt" };
      },
    },
  });
  expect(tableNames().jobs).toBe('"public"."tasks"');
  expect(asked).toEqual(["PQRUN_SCHEMA", "PQRUN_TABLE"]);
});

test.each<[string, unknown]>([
  ["an empty variable", { env: { PQRUN_SCHEMA: "", PQRUN_TABLE: "" } }],
  ["bindings that are no texts", { env: { PQRUN_SCHEMA: {}, PQRUN_TABLE: 1 } }],
  ["no environment", {}],
  ["no process", undefined],
  [
    "a variable that the runtime refuses, as Deno does with --allow-env=DATABASE_URL",
    {
      env: new Proxy(
        {},
        {
          get: () => {
            throw new Error("Requires env access");
          },
        },
      ),
    },
  ],
])("%s leaves public.jobs", (_, process) => {
  vi.stubGlobal("process", process);
  const names = tableNames();
  vi.unstubAllGlobals();
  expect(names.jobs).toBe('"public"."jobs"');
});
