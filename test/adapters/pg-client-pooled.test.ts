// A client with another process than its session's stands in for PgBouncer; test/runtimes has the real one.
import { Client } from "pg";
import { expect, test } from "vitest";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { freshDatabase } from "../support/postgres.ts";

const nothing = (): void => undefined;
const UNHEARD = { onNotify: nothing, onReopened: nothing, onLost: nothing };

test("a Client whose session is a pooler's is refused LISTEN, and its session does not listen", async () => {
  await using database = await freshDatabase();
  const client = new Client({ connectionString: database.url });
  await client.connect();
  Object.assign(client, { processID: 1 });
  const listening = pgExecutor(client).listen?.("jobs", UNHEARD);
  await expect(listening).rejects.toThrow("LISTEN needs a session, and the client has a pooler's");
  expect((await client.query("SELECT pg_listening_channels()")).rows).toEqual([]);
  await client.end();
});
