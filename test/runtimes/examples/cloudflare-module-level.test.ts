import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { afterAll, beforeEach, describe, expect, test } from "vitest";

import { PROJECT } from "../../../scripts/install-built.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { Outside } from "./cloudflare-outside.ts";
import { bundle, startWorker, type Bundle, type RunningWorker } from "./cloudflare-workerd.ts";

/** What a free Worker may send in one invocation. */
const FREE_SUBREQUESTS = 50;
/** At once, in each of {@link ROUNDS}; PostgreSQL has a hundred connections. */
const OVERLAPPING = 20;
const ROUNDS = 3;

const database = await tableDatabase();
await database.migrate();
const outside = await Outside.open(database.url);
afterAll(async () => {
  await outside[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(async () => {
  await database.rows("TRUNCATE jobs");
  outside.reset();
});

const source = fileURLToPath(new URL("cloudflare-module-level.worker.ts", import.meta.url));
const atModuleLevel = bundleWith("module-level");
const start = (bundled: Bundle = atModuleLevel): Promise<RunningWorker> =>
  startWorker(bundled, outside, {
    bindings: { NEON_URL: Outside.databaseUrl, DATABASE_URL: database.url },
  });

/** The Worker, and `more` at its end. */
function bundleWith(name: string, more = ""): Bundle {
  const folder = `${PROJECT}${name}`;
  mkdirSync(folder, { recursive: true });
  writeFileSync(`${folder}/worker.ts`, readFileSync(source, "utf8") + more);
  const config = {
    ...{ name, main: "worker.ts", triggers: { crons: ["* * * * *"] } },
    ...{ compatibility_date: "2026-07-01", compatibility_flags: ["nodejs_compat"] },
  };
  writeFileSync(`${folder}/wrangler.jsonc`, JSON.stringify(config));
  return bundle(name, "wrangler.jsonc");
}

/** What each of some overlapping requests got: the number that it sent, an error, or no answer. */
async function overlapping(worker: RunningWorker, driver: string, first: number): Promise<unknown[]> {
  const numbers = Array.from({ length: OVERLAPPING }, (_, index) => first + index);
  return Promise.all(
    numbers.map(async (n) => {
      try {
        const response = await worker.fetch(`/${driver}/${n}`, { limitMs: 45_000 });
        if (response.status !== 200) return "an error";
        return n === ((await response.json()) as { readonly n: number }).n ? "its own" : "another's";
      } catch {
        return "no answer";
      }
    }),
  );
}

test("stores, producers, workers and executors of every driver are made before the first event", async () => {
  await using worker = await start();
  expect(await (await worker.fetch("/constructed")).json()).toBe(2);
});

test.for([
  "export const nonce = crypto.randomUUID();",
  "export const timer = setTimeout(() => undefined, 1);",
])("workerd would have refused anything random or timed there, such as %s", async (line) => {
  await expect(start(bundleWith("not-at-module-level", line))).rejects.toThrow(
    "Disallowed operation called within global scope",
  );
});

describe("overlapping requests through one store at module level", () => {
  test.for(["neon", "pg-once"])("over %s each get their own answer, and none hangs", async (driver) => {
    await using worker = await start();
    for (let round = 0; round < ROUNDS; round += 1) {
      const got = await overlapping(worker, driver, round * OVERLAPPING);
      expect(new Set(got)).toEqual(new Set(["its own"]));
    }
    const [jobs] = await database.rows(
      "SELECT count(DISTINCT payload)::int AS payloads, count(*)::int AS n FROM jobs",
    );
    expect(jobs).toEqual({ payloads: ROUNDS * OVERLAPPING, n: ROUNDS * OVERLAPPING });
  });

  // Sockets end with the invocation that opened them, and drivers don't know: so the README has clients made inside.
  test.for(["pg", "postgres"])(
    "over a client of %s that keeps its sockets, none gets another's answer, and none hangs",
    { timeout: 180_000 },
    async (driver) => {
      await using worker = await start();
      const got = [
        ...(await overlapping(worker, driver, 0)),
        ...(await overlapping(worker, driver, OVERLAPPING)),
      ];
      console.log(`${driver}: ${got.join(", ")}`);
      expect(got).not.toContain("another's");
      expect(got).not.toContain("no answer");
      const twice = await database.rows("SELECT payload FROM jobs GROUP BY payload HAVING count(*) > 1");
      expect(twice).toEqual([]);
    },
  );
});

test("maxStatements keeps a drain of quick jobs below a free Worker's subrequests", async () => {
  await database.rows("INSERT INTO jobs (job_type) SELECT 'quick' FROM generate_series(1, 5000)");
  await using worker = await start();
  expect(await worker.scheduled()).toMatchObject({ outcome: "ok" });
  expect(outside.requests).toBeGreaterThan(40);
  expect(outside.requests).toBeLessThanOrEqual(FREE_SUBREQUESTS);
  const rows = await database.rows(
    "SELECT status, attempts, count(*)::int AS n FROM jobs GROUP BY 1, 2 ORDER BY 2",
  );
  console.log(`${outside.requests} statements: ${JSON.stringify(rows)}`);
  expect(rows).toMatchObject([
    { status: "READY", attempts: 0 },
    { status: "DONE", attempts: 1 },
  ]);
});
