import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";

import { packageRoot } from "../../../src/cli/package-root.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";

const GUARD = readFileSync(join(packageRoot(), "sql/patterns/python-guard.sql"), "utf8");

/** What Python's workers and reapers send, which settle by id alone. */
const PYTHON = {
  done: "UPDATE jobs SET status = 'DONE', finished_at = now(), duration_ms = 1, result = '{}', locked_at = NULL, locked_by = NULL, updated_at = now() WHERE id = 1",
  failed:
    "UPDATE jobs SET status = 'FAILED', finished_at = now(), last_error = 'ValueError', locked_at = NULL, locked_by = NULL, updated_at = now() WHERE id = 1",
  retry:
    "UPDATE jobs SET status = 'READY', run_after = now() + interval '1 minute', last_error = 'ValueError', locked_at = NULL, locked_by = NULL, updated_at = now() WHERE id = 1",
  reap: "UPDATE jobs SET status = 'READY', locked_at = NULL, locked_by = NULL WHERE status = 'RUNNING' AND locked_at < now() - interval '20 minutes'",
  cancel:
    "UPDATE jobs SET status = 'CANCELLED', finished_at = now(), locked_at = NULL, locked_by = NULL WHERE id = 1",
  noHandler:
    "UPDATE jobs SET status = 'FAILED', finished_at = now(), last_error = 'No handler registered for job type: embed', locked_at = NULL, locked_by = NULL, updated_at = now() WHERE id = 1",
} as const;

/** What pqrun's settlement does: it clears the lease, and leaves locked_by. */
const PQRUN_DONE =
  "UPDATE jobs SET status = 'DONE', finished_at = now(), locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL WHERE id = 1";

const STATUS = "SELECT status FROM jobs WHERE id = 1";

let database: TableDatabase;
const unguard = (): Promise<unknown> => database.rows("DROP TRIGGER IF EXISTS jobs_python_guard ON jobs");

beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate();
});
afterAll(() => database[Symbol.asyncDispose]());
beforeEach(() => database.rows("TRUNCATE jobs RESTART IDENTITY"));

/** One job as a worker of pqrun holds it, picked up an hour ago and extended since. */
const leased = (until: string): Promise<unknown> =>
  database.rows(`
INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, lease_holder, lease_expires_at)
VALUES ('embed', 'RUNNING', 2, now() - interval '1 hour', 'w#1', 'w#1', now() + interval '${until}')`);

const inState = (status: string): Promise<unknown> =>
  database.rows(`INSERT INTO jobs (job_type, status, attempts) VALUES ('embed', '${status}', 1)`);

const runningAtPythons = (): Promise<unknown> =>
  database.rows(`INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, last_error)
                 VALUES ('embed', 'RUNNING', 3, now(), 'host:python', 'earlier')`);

async function statusAfter(statement: string): Promise<unknown> {
  await database.rows(statement);
  return (await database.rows(STATUS))[0]?.["status"];
}

describe("without the guard", () => {
  beforeEach(unguard);

  test("Python settles a job under pqrun's live lease", async () => {
    await leased("30 seconds");
    expect(await statusAfter(PYTHON.done)).toBe("DONE");
  });

  test("Python changes a job that is done or cancelled", async () => {
    for (const state of ["DONE", "CANCELLED"]) {
      await database.rows("TRUNCATE jobs RESTART IDENTITY");
      await inState(state);
      expect(await statusAfter(PYTHON.retry)).toBe("READY");
    }
  });

  test("a type that Python has no handler for fails", async () => {
    await runningAtPythons();
    expect(await statusAfter(PYTHON.noHandler)).toBe("FAILED");
  });
});

describe("with the guard", () => {
  beforeEach(() => database.rows(GUARD));

  test.for(["done", "failed", "retry", "reap", "noHandler"] as const)(
    "a job under pqrun's live lease is left byte for byte as it is: Python's %s",
    async (write) => {
      await leased("30 seconds");
      const before = await database.rows("SELECT *, xmin::text, ctid FROM jobs");
      await database.rows(PYTHON[write]);
      expect(await database.rows("SELECT *, xmin::text, ctid FROM jobs")).toEqual(before);
    },
  );

  test("a job under pqrun's live lease can be cancelled by Python, and settled by its holder", async () => {
    await leased("30 seconds");
    expect(await statusAfter(PYTHON.cancel)).toBe("CANCELLED");
    await database.rows("TRUNCATE jobs RESTART IDENTITY");
    await leased("30 seconds");
    expect(await statusAfter(PQRUN_DONE)).toBe("DONE");
  });

  test("a job whose lease has ended may be reaped and settled by Python", async () => {
    await leased("-1 second");
    expect(await statusAfter(PYTHON.reap)).toBe("READY");
  });

  test("a job that Python holds, and a lease that another attempt left, are not pqrun's", async () => {
    await runningAtPythons();
    await database.rows("UPDATE jobs SET lease_holder = 'w#0', lease_expires_at = now() + interval '1 hour'");
    expect(await statusAfter(PYTHON.done)).toBe("DONE");
  });

  test("a ready job in which a lease was left standing can be picked up by Python", async () => {
    await leased("30 seconds");
    await unguard();
    await database.rows("UPDATE jobs SET status = 'READY' WHERE id = 1");
    await database.rows(GUARD);
    expect(await statusAfter("UPDATE jobs SET status = 'RUNNING', locked_by = 'py' WHERE id = 1")).toBe(
      "RUNNING",
    );
  });

  test.for(["lease_holder = NULL", "lease_expires_at = now()"])(
    "who touches the lease may change the status of a job under it: %s",
    async (touch) => {
      await leased("30 seconds");
      expect(await statusAfter(`UPDATE jobs SET status = 'READY', ${touch} WHERE id = 1`)).toBe("READY");
    },
  );

  test("extending a lease, and other writes that keep the status, pass", async () => {
    await leased("30 seconds");
    await database.rows(
      "UPDATE jobs SET locked_at = now(), lease_expires_at = now() + interval '1 hour' WHERE id = 1",
    );
    await database.rows("UPDATE jobs SET priority = 7 WHERE id = 1");
    expect(
      await database.rows(
        "SELECT priority, lease_expires_at > now() + interval '59 minutes' AS extended FROM jobs",
      ),
    ).toEqual([{ priority: 7, extended: true }]);
  });

  test("a job that is done or cancelled stays that, whoever writes", async () => {
    for (const state of ["DONE", "CANCELLED"]) {
      await database.rows("TRUNCATE jobs RESTART IDENTITY");
      await inState(state);
      for (const write of ["failed", "retry", "noHandler"] as const)
        expect(await statusAfter(PYTHON[write])).toBe(state);
    }
    expect(await statusAfter(PYTHON.done)).toBe("CANCELLED");
  });

  test("a failed job can be retried by hand, and a ready one cancelled", async () => {
    await inState("FAILED");
    expect(await statusAfter("UPDATE jobs SET status = 'READY', finished_at = NULL WHERE id = 1")).toBe(
      "READY",
    );
    expect(await statusAfter(PYTHON.cancel)).toBe("CANCELLED");
  });

  test("a type that Python has no handler for is READY again a few seconds later, the attempt given back", async () => {
    await runningAtPythons();
    await database.rows(PYTHON.noHandler);
    expect(
      await database.rows(`
SELECT status, attempts, last_error, locked_at, locked_by, finished_at, duration_ms,
       run_after - updated_at AS later FROM jobs`),
    ).toEqual([
      {
        status: "READY",
        attempts: 2,
        last_error: "earlier",
        locked_at: null,
        locked_by: null,
        finished_at: null,
        duration_ms: null,
        later: expect.objectContaining({ seconds: 5 }) as unknown,
      },
    ]);
  });

  test("a handler of pqrun's own that fails with those words has failed", async () => {
    await leased("30 seconds");
    expect(
      await statusAfter(
        "UPDATE jobs SET status = 'FAILED', last_error = 'No handler registered for x', locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL WHERE id = 1",
      ),
    ).toBe("FAILED");
    expect(await database.rows("SELECT attempts FROM jobs")).toEqual([{ attempts: 2 }]);
  });

  test("any other failure of Python's stays a failure", async () => {
    await runningAtPythons();
    expect(await statusAfter(PYTHON.failed)).toBe("FAILED");
  });

  test("a job that says no handler of an earlier attempt, or that nobody ran, is not put back", async () => {
    await runningAtPythons();
    await database.rows("UPDATE jobs SET last_error = 'No handler registered for job type: embed'");
    expect(await statusAfter(PYTHON.done)).toBe("DONE");
    await database.rows("TRUNCATE jobs RESTART IDENTITY");
    await inState("READY");
    expect(await statusAfter(PYTHON.noHandler)).toBe("FAILED");
  });

  test("a job that pqrun's worker has put back is no running one, and can be failed with those words", async () => {
    await inState("READY");
    // A settlement leaves it, so that it is known again when it is repeated.
    await database.rows("UPDATE jobs SET locked_by = 'w#1'");
    expect(await statusAfter(PYTHON.noHandler)).toBe("FAILED");
  });

  test("installing it again changes nothing, and it can be removed", async () => {
    await database.rows(GUARD);
    await database.rows(
      "DROP TRIGGER jobs_python_guard ON public.jobs; DROP FUNCTION public.jobs_python_guard();",
    );
    await leased("30 seconds");
    expect(await statusAfter(PYTHON.done)).toBe("DONE");
  });
});
