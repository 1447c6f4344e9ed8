import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { afterAll, beforeAll, expect, test } from "vitest";

import { tableDatabase, type TableDatabase } from "../support/table-database.ts";
import { PYTHON_DDL } from "../support/table-python.ts";
import { cli, MAIN, run } from "./run-cli.ts";
import { finding, lines } from "./schemas.ts";

const folder = mkdtempSync(join(tmpdir(), "pqrun-doctor-"));
let database: TableDatabase;
let env: Record<string, string>;
beforeAll(async () => {
  database = await tableDatabase();
  env = { PQRUN_DATABASE_URL: database.url };
});
afterAll(async () => {
  rmSync(folder, { recursive: true });
  await database[Symbol.asyncDispose]();
});

const doctor = async (...args: readonly string[]) => {
  const { code, stdout, stderr } = await cli(["doctor", "--json", ...args], env);
  return { code, stderr, findings: lines(stdout, finding) };
};
const found = (what: RegExp, cure: string | RegExp | null, severity = "problem") =>
  expect.objectContaining({
    ...{ severity, what: expect.stringMatching(what) as string },
    cure: cure === null ? null : (expect.stringMatching(cure) as string),
  }) as unknown;

test("of a table that isn't there it says how it is made, and ends in 3", async () => {
  const { code, findings } = await doctor("--table", "absent");
  expect(code).toBe(3);
  expect(findings).toEqual([found(/there is no table public\.absent/, /^pqrun migrate --table absent$/)]);
});

test("of a table that was just made it finds nothing, and leaves nothing behind", async () => {
  await cli(["migrate"], env);
  expect(await doctor()).toEqual({ code: 0, stderr: "public.jobs: nothing found\n", findings: [] });
  await database.rows(`CREATE SCHEMA "an app"`);
  await cli(["migrate", "--schema", "an app", "--table", "The Jobs"], env);
  expect((await doctor("--schema", "an app", "--table", "The Jobs")).findings).toEqual([]);
  const schemas = await database.rows("SELECT nspname FROM pg_namespace WHERE nspname LIKE 'pqrun_doctor%'");
  expect(schemas).toEqual([]);
});

test("of a table that the Python package made it finds its indexes, and no problem", async () => {
  await using python = await tableDatabase();
  await python.pool.query(PYTHON_DDL);
  await python.migrate({ pythonPickIndex: true });
  const { code, stdout } = await cli(["doctor", "--json"], { PQRUN_DATABASE_URL: python.url });
  expect(code).toBe(0);
  expect(lines(stdout, finding)).toEqual([
    found(/idx_jobs_(?:pick|type) is the Python package's/, /^pqrun migrate --drop-python-indexes$/, "hint"),
    found(/idx_jobs_(?:pick|type) is the Python package's/, /^pqrun migrate --drop-python-indexes$/, "hint"),
  ]);
});

test("it finds what was changed in the table, each with its cure", async () => {
  await cli(["migrate", "--table", "changed"], env);
  await database.rows("ALTER TABLE changed ALTER COLUMN max_attempts SET DEFAULT 3, DROP COLUMN released");
  await database.rows("DROP INDEX changed_ready");
  await database.rows("CREATE INDEX mine ON changed (created_at)");
  await database.rows("ALTER TABLE changed SET (autovacuum_enabled = false, fillfactor = 100)");
  const { code, findings } = await doctor("--table", "changed");
  expect(code).toBe(3);
  expect(findings).toEqual(
    expect.arrayContaining([
      found(/column changed\.max_attempts was changed/, /ALTER COLUMN max_attempts .*SET DEFAULT 5/),
      found(/column changed\.released is missing/, /^pqrun migrate --table changed$/),
      found(/index changed_ready is missing/, /^pqrun migrate --table changed$/),
      found(/index mine is not pqrun's/, /^DROP INDEX CONCURRENTLY "public"\.mine$/, "hint"),
      found(/setting changed\.fillfactor is 100, not 80/, /SET \(fillfactor = 80\)/, "hint"),
    ]),
  );
  // Each cure that is a statement is one.
  for (const { cure } of findings.filter(({ cure }) => /^(?:ALTER|DROP)/.test(cure ?? "")))
    await database.rows(cure ?? "");
  await cli(["migrate", "--table", "changed"], env);
  expect((await doctor("--table", "changed")).findings).toEqual([]);
});

test("it finds leases that nobody reaps, types that nobody runs, and what failed", async () => {
  await cli(["migrate", "--table", "ill"], env);
  await database.rows(
    `INSERT INTO ill (job_type, status, run_after, locked_by, lease_holder, lease_expires_at, finished_at) VALUES
     (E'st\\x1b[2Juck', 'READY', now() - interval '1 hour', NULL, NULL, NULL, NULL),
     ('lost', 'RUNNING', now(), 'w:1', 'w:1', now() - interval '5 min', NULL),
     ('python', 'RUNNING', now(), 'worker-1', NULL, NULL, NULL),
     ('bad', 'FAILED', now(), NULL, NULL, NULL, now())`,
  );
  const { code, findings } = await doctor("--table", "ill");
  expect(code).toBe(3);
  expect(findings).toEqual(
    expect.arrayContaining([
      found(/1 running job lost the lease/, /start a worker/),
      found(/1 due job of the type st.*uck, the oldest for 60 min/, /start a worker with a handler/),
      found(
        /workers of the Python package hold 1 job,/,
        /^pqrun sql --pattern python-guard --table ill \| psql/,
      ),
      found(
        /1 job of the type bad failed/,
        /^pqrun ls --table ill --status failed --type bad --since 1h$/,
        "hint",
      ),
    ]),
  );
  const text = await cli(["doctor", "--table", "ill"], env);
  expect(text.stdout).not.toContain("\u001b");
  expect(text.stdout).toMatch(/^problem: .*\n {2}cure: /);
});

test("it finds a default isolation that costs conflicts", async () => {
  const [{ role } = {}] = await database.rows("SELECT quote_ident(current_user) AS role");
  const name = new URL(database.url).pathname.slice(1);
  await database.rows(`ALTER DATABASE ${name} SET default_transaction_isolation = 'serializable'`);
  const { findings } = await doctor();
  await database.rows(`ALTER DATABASE ${name} RESET default_transaction_isolation`);
  expect(findings).toEqual([found(/default isolation is serializable/, `ALTER ROLE ${String(role)} SET`)]);
});

test("it finds a role that stands for everybody, and its cure cures", async () => {
  await database.rows("GRANT SELECT ON jobs TO PUBLIC");
  const { code, findings } = await doctor();
  expect(code).toBe(3);
  expect(findings).toEqual([
    found(/^PUBLIC may read or write "public"\."jobs"/, /^REVOKE ALL ON "public"\."jobs" FROM PUBLIC/),
  ]);
  await database.rows(findings[0]?.cure?.split(";")[0] ?? "");
  expect((await doctor()).findings).toEqual([]);
});

test("beside an ORM's configuration a queue in public is in danger", async () => {
  writeFileSync(join(folder, "drizzle.config.ts"), "");
  const ran = await run(process.execPath, [MAIN, "doctor"], { cwd: folder, env: { ...process.env, ...env } });
  expect(ran).toMatchObject({ code: 3, stderr: "" });
  expect(ran.stdout).toMatch(/^problem: drizzle\.config\.ts is here and the queue is in public/);
});
