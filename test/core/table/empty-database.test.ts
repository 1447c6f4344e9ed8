import { expect, test } from "vitest";

import { migrationFiles } from "../../../src/migrate/migration-files.ts";
import { queueIndexes, renderMigrations } from "../../../src/migrate/migrations.ts";
import { serverMajor } from "../../support/postgres.ts";
import { catalog, indexDefinitions } from "../../support/table-catalog.ts";
import { tableDatabase } from "../../support/table-database.ts";
import { session } from "../../support/table-sessions.ts";

const INDEXES = [
  "CREATE INDEX jobs_begun ON public.jobs USING btree (job_type, concurrency_key, id) WHERE ((status = 'READY'::job_status)" +
    " AND (concurrency_key IS NOT NULL) AND ((attempts > 0) OR (locked_by IS NOT NULL)))",
  "CREATE INDEX jobs_cancelled ON public.jobs USING btree (id) WHERE (status = 'CANCELLED'::job_status)",
  "CREATE INDEX jobs_failed ON public.jobs USING btree (job_type, id) WHERE (status = 'FAILED'::job_status)",
  "CREATE INDEX jobs_parked ON public.jobs USING btree (job_type, concurrency_key, priority DESC, due_at, id)" +
    " WHERE ((status = 'READY'::job_status) AND (due_at IS NOT NULL))",
  "CREATE INDEX jobs_ready ON public.jobs USING btree (job_type, priority DESC, run_after, id)" +
    " WHERE (status = 'READY'::job_status)",
  "CREATE INDEX jobs_ready_due ON public.jobs USING btree (job_type, run_after, priority)" +
    " WHERE ((status = 'READY'::job_status) AND (priority <> 0))",
  "CREATE INDEX jobs_running ON public.jobs USING btree (id) WHERE (status = 'RUNNING'::job_status)",
  "CREATE INDEX jobs_running_keys ON public.jobs USING btree (job_type, concurrency_key)" +
    " WHERE ((status = 'RUNNING'::job_status) AND (concurrency_key IS NOT NULL))",
  "CREATE UNIQUE INDEX jobs_pkey ON public.jobs USING btree (id)",
  "CREATE UNIQUE INDEX uq_jobs_active_dedupe ON public.jobs USING btree (dedupe_key) WHERE ((dedupe_key IS NOT NULL)" +
    " AND (status = ANY (ARRAY['READY'::job_status, 'RUNNING'::job_status])))",
  "CREATE UNIQUE INDEX uq_jobs_debounce ON public.jobs USING btree (debounce_key) WHERE ((debounce_key IS NOT NULL)" +
    " AND (status = 'READY'::job_status) AND (attempts = 0) AND (locked_by IS NULL))",
  "CREATE UNIQUE INDEX uq_jobs_idempotency ON public.jobs USING btree (idempotency_key) WHERE (idempotency_key IS NOT NULL)",
  "CREATE UNIQUE INDEX uq_jobs_tick ON public.jobs USING btree (schedule, scheduled_for) WHERE (schedule IS NOT NULL)",
];

/** Python's columns, name for name and type for type, then pqrun's. */
const COLUMNS = [
  "id bigint not null nextval('jobs_id_seq'::regclass)",
  "job_type text not null",
  "payload jsonb not null '{}'::jsonb",
  "status job_status not null 'READY'::job_status",
  "priority integer not null 0",
  "attempts integer not null 0",
  "max_attempts integer not null 5",
  "run_after timestamp with time zone not null now()",
  "timeout_seconds integer",
  "locked_at timestamp with time zone",
  "locked_by text",
  "dedupe_key text",
  "last_error text",
  "finished_at timestamp with time zone",
  "duration_ms integer",
  "result jsonb",
  "created_at timestamp with time zone not null now()",
  "updated_at timestamp with time zone not null now()",
  "lease_expires_at timestamp with time zone",
  "lease_holder text",
  "released smallint not null 0",
  "schedule text",
  "scheduled_for timestamp with time zone",
  "errors jsonb",
  "idempotency_key text",
  "debounce_key text",
  "concurrency_key text",
  "due_at timestamp with time zone",
  "steps integer",
  "headers jsonb",
];

test("an empty database gets Python's table, name for name and type for type, and pqrun's columns after them", async () => {
  await using database = await tableDatabase();
  expect(await database.migrate()).toEqual({
    table: "created",
    built: [
      "jobs_pkey",
      "jobs_ready",
      "jobs_ready_due",
      "jobs_running",
      "uq_jobs_active_dedupe",
      "jobs_failed",
      "jobs_cancelled",
      "uq_jobs_tick",
      "uq_jobs_idempotency",
      "uq_jobs_debounce",
      "jobs_parked",
      "jobs_running_keys",
      "jobs_begun",
    ],
    dropped: [],
  });
  const columns = await database.rows(
    `SELECT concat_ws(' ', a.attname, format_type(a.atttypid, a.atttypmod), CASE WHEN a.attnotnull THEN 'not null' END,
                      pg_get_expr(d.adbin, d.adrelid)) AS column
       FROM pg_attribute a LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum
      WHERE a.attrelid = 'jobs'::regclass AND a.attnum > 0 ORDER BY a.attnum`,
  );
  expect(columns.map(({ column }) => column)).toEqual(COLUMNS);
  expect(await database.rows("SELECT unnest(enum_range(NULL::job_status))::text AS label")).toEqual(
    ["READY", "RUNNING", "DONE", "FAILED", "CANCELLED"].map((label) => ({ label })),
  );
  expect(await indexDefinitions(database)).toEqual(INDEXES);
});

test("a plain INSERT of type and payload is a whole job", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await database.rows(`INSERT INTO jobs (job_type, payload) VALUES ('embed', '{"text": "…"}')`);
  expect(
    await database.rows(
      `SELECT job_type, payload, status, priority, attempts, max_attempts, released, lease_holder,
              run_after = now() OR run_after < now() AS due FROM jobs`,
    ),
  ).toEqual([
    {
      job_type: "embed",
      payload: { text: "…" },
      status: "READY",
      priority: 0,
      attempts: 0,
      max_attempts: 5,
      released: 0,
      lease_holder: null,
      due: true,
    },
  ]);
});

test("applying twice changes nothing, and needs no right to change anything", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  const before = await catalog(database);
  expect(await database.migrate()).toEqual({ table: "unchanged", built: [], dropped: [] });
  await using reader = await session(database.url);
  await reader.rows("SET default_transaction_read_only = on");
  await reader.rows(renderMigrations());
  expect(await catalog(database)).toEqual(before);
});

test("storage parameters are those that the server knows, and one that somebody set stays", async () => {
  await using database = await tableDatabase();
  await database.rows(renderMigrations());
  await database.rows("ALTER TABLE jobs SET (fillfactor = 60)");
  await database.rows(renderMigrations());
  const [row] = await database.rows(
    "SELECT array_to_string(reloptions, ' ') AS set FROM pg_class WHERE oid = 'jobs'::regclass",
  );
  expect(String(row?.["set"]).split(" ").sort()).toEqual([
    "autovacuum_analyze_scale_factor=0.02",
    "autovacuum_vacuum_cost_delay=0",
    ...((await serverMajor()) >= 13 ? ["autovacuum_vacuum_insert_scale_factor=0.1"] : []),
    "autovacuum_vacuum_scale_factor=0.01",
    "autovacuum_vacuum_threshold=1000",
    "fillfactor=60",
  ]);
});

test("the files run as they stand, whatever the search_path, and leave the session's settings alone", async () => {
  await using database = await tableDatabase();
  await using user = await session(database.url);
  await user.rows("SET search_path = pg_temp; SET lock_timeout = '7s'");
  for (const { text } of migrationFiles()) {
    await user.rows("BEGIN");
    await user.rows(text);
    expect(
      await user.rows(
        "SELECT current_setting('search_path') AS path, current_setting('lock_timeout') AS wait",
      ),
    ).toEqual([{ path: "pg_temp", wait: "7s" }]);
    await user.rows("COMMIT");
  }
  expect(await indexDefinitions(database)).toEqual(INDEXES);
});

test("standard_conforming_strings = off makes no difference", async () => {
  await using database = await tableDatabase();
  await using user = await session(database.url);
  await user.rows("SET standard_conforming_strings = off");
  await user.rows(renderMigrations({ table: "odd'name\\" }));
  expect(await indexDefinitions(database, `public."odd'name\\"`)).toHaveLength(queueIndexes({}).length + 1);
});

test("a role without superuser's rights can apply, where it may create in the schema", async () => {
  await using database = await tableDatabase();
  await using user = await session(database.url);
  const [row] = await user.rows(
    "SELECT 'pqrun_plain_' || pg_backend_pid() AS role, current_database() AS database",
  );
  const role = String(row?.["role"]);
  await user.rows(
    `CREATE ROLE ${role}; GRANT CREATE ON DATABASE ${String(row?.["database"])} TO ${role}; SET ROLE ${role}`,
  );
  try {
    await user.rows(renderMigrations({ schema: "queue" }));
    await user.rows(renderMigrations({ schema: "queue" }));
    await user.rows("INSERT INTO queue.jobs (job_type) VALUES ('embed')");
    expect(await indexDefinitions(database, "queue.jobs")).toHaveLength(queueIndexes({}).length + 1);
  } finally {
    await user.rows(`RESET ROLE; DROP OWNED BY ${role}; DROP ROLE ${role}`);
  }
});
