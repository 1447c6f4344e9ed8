import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { exposedRoles } from "../../src/migrate/exposed-roles.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { testQueue } from "../support/queue.ts";

const queue = await testQueue();

test("migrate warns where a public API's role, or everybody, may read or write the queue", async () => {
  const { client } = await queue.session();
  const executor = pgExecutor(client);
  const lines: string[] = [];
  const log = (line: string): void => void lines.push(line);
  await migrate(executor, {}, { log });
  expect(lines).toEqual([]);

  await client.query("DO $$ BEGIN CREATE ROLE anon; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  await client.query("GRANT SELECT, INSERT ON jobs TO anon");
  await client.query("GRANT SELECT ON jobs TO PUBLIC");
  await migrate(executor, {}, { log });
  expect(lines).toEqual([
    expect.stringMatching(/^PUBLIC, anon may read or write "public"\."jobs": .*REVOKE ALL/),
  ]);

  await client.query("REVOKE ALL ON jobs FROM PUBLIC, anon");
  expect(await exposedRoles(executor, `"public"."jobs"`)).toBeUndefined();
});

test("row level security without a policy hides the queue from such a role", async () => {
  const { client } = await queue.session();
  const executor = pgExecutor(client);
  await client.query("DO $$ BEGIN CREATE ROLE anon; EXCEPTION WHEN duplicate_object THEN NULL; END $$");
  await client.query("GRANT ALL ON jobs TO anon");
  expect(await exposedRoles(executor, `"public"."jobs"`)).toMatch(/^anon /);
  await client.query("ALTER TABLE jobs ENABLE ROW LEVEL SECURITY");
  expect(await exposedRoles(executor, `"public"."jobs"`)).toBeUndefined();
  await client.query("ALTER TABLE jobs DISABLE ROW LEVEL SECURITY; REVOKE ALL ON jobs FROM anon");
});
