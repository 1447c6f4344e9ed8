import { randomUUID } from "node:crypto";

import { Client } from "pg";
import { afterAll, afterEach, beforeEach } from "vitest";

import { pgExecutor, type PgTransaction } from "../../src/adapters/pg/pg.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import type { UntypedJobs } from "../../src/core/contract.ts";
import type { SqlExecutor } from "../../src/core/executor.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import { PgJobStore, type StoreOptions } from "../../src/core/store.ts";
import type { PickUp } from "../../src/core/turn/turn-request.ts";
import { testPool } from "./pool.ts";
import { freshDatabase } from "./postgres.ts";

/** A store of any jobs over `pg`. */
export type TestStore = PgJobStore<UntypedJobs, PgTransaction>;

/** One connection, with a store that speaks through it and through no other. */
export interface QueueSession {
  readonly store: TestStore;
  readonly client: Client;
  /** The server's process, by which other sessions see this one wait. */
  readonly pid: number;
}

/** What a session's store may differ in. */
export interface SessionOptions extends StoreOptions {
  /** Comes between the store and its connection: to count, to fail, to hold back. */
  readonly between?: ((executor: SqlExecutor<PgTransaction>) => SqlExecutor<PgTransaction>) | undefined;
}

/** A migrated database that one test file has to itself. */
export interface TestQueue {
  readonly url: string;
  /** The first session; the others share nothing with it. */
  readonly store: TestStore;
  /** One opened within a test ends with it, and so do its locks: a test that fails holds up no other. */
  session(options?: SessionOptions): Promise<QueueSession>;
  /** Rows of one statement, on sessions that hold no lock. */
  rows(text: string, params?: readonly unknown[]): Promise<Record<string, unknown>[]>;
  /** Inserts one job; values are SQL. A plain one is due, of type `a`. */
  insert(values?: Readonly<Record<string, string>>): Promise<string>;
  /** All of a row that a write would change, its place and its writer included. */
  image(id: string): Promise<string | undefined>;
  /** Resolves once that session waits for a lock of another. */
  blocked(pid: number): Promise<void>;
}

/** Opens a queue for the tests of a file: empty at the start of each, and dropped after the last. */
export async function testQueue(): Promise<TestQueue> {
  const database = await freshDatabase();
  const clients: Client[] = [];
  const connect = async (): Promise<Client> => {
    const client = new Client({ connectionString: database.url });
    client.on("error", () => undefined); // Some tests kill sessions.
    await client.connect();
    clients.push(client);
    return client;
  };
  const own = await connect();
  await migrate(pgExecutor(own));
  const pool = testPool(database.url, { max: 4 });
  /** The processes of the sessions that the test under way has opened; undefined between tests. */
  let opened: number[] | undefined;
  beforeEach(async () => {
    await pool.query("TRUNCATE jobs, jobs_waiting, jobs_schedules, jobs_limits");
    opened = [];
  });
  afterEach(async () => {
    const pids = opened ?? [];
    opened = undefined;
    await pool.query("SELECT pg_terminate_backend(pid) FROM unnest($1::int[]) AS pid", [pids]);
  });
  afterAll(async () => {
    await Promise.all([...clients, pool].map((client) => client.end()));
    await database.drop();
  });
  const rows: TestQueue["rows"] = async (text, params = []) =>
    (await pool.query<Record<string, unknown>>(text, [...params])).rows;
  return {
    url: database.url,
    store: new PgJobStore(pgExecutor(own), { logger: false }),
    session: async ({ between = same, ...options }: SessionOptions = {}) => {
      const client = await connect();
      const { rows: pids } = await client.query<{ pid: number }>("SELECT pg_backend_pid() AS pid");
      const pid = pids[0]?.pid ?? 0;
      opened?.push(pid);
      return {
        store: new PgJobStore(between(pgExecutor(client)), { logger: false, ...options }),
        client,
        pid,
      };
    },
    rows,
    insert: async (values = {}) => {
      const columns = Object.entries({ job_type: "'a'", ...values });
      const names = columns.map(([name]) => name).join(", ");
      const [row] = await rows(
        `INSERT INTO jobs (${names}) VALUES (${columns.map(([, value]) => value).join(", ")}) RETURNING id::text`,
      );
      return String(row?.["id"]);
    },
    image: async (id) => {
      const [row] = await rows("SELECT j::text || j.ctid || j.xmin AS image FROM jobs j WHERE id = $1", [id]);
      return row === undefined ? undefined : String(row["image"]);
    },
    blocked: async (pid) => {
      // Each round is a round trip, so this waits for the server rather than for a time.
      const test = opened;
      while ((await rows("SELECT cardinality(pg_blocking_pids($1)) AS n", [pid]))[0]?.["n"] === 0) {
        if (opened !== test) throw new Error("the test is over, and the session has not waited");
      }
    },
  };
}

function same<T>(value: T): T {
  return value;
}

/** What picks up jobs of type `a` as a worker does: a fresh nonce, a lease of 30 s. */
export function pickUpOf(options: Partial<PickUp> = {}): PickUp {
  return { types: ["a"], slots: 1, lockedBy: `worker:${randomUUID()}`, leaseMs: 30_000, ...options };
}

/** Picks up one job, which must be there. */
export async function pickUpOne(store: TestStore, options: Partial<PickUp> = {}): Promise<PickedUpJob> {
  const [job] = (await store.turn({ pickUp: pickUpOf(options) })).jobs;
  if (job === undefined) throw new Error("nothing was picked up");
  return job;
}
