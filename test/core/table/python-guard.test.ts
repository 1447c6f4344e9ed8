import { readFileSync } from "node:fs";
import { join } from "node:path";

import { afterAll, beforeAll, beforeEach, describe, expect, onTestFinished, test } from "vitest";

import { packageRoot } from "../../../src/migrate/package-root.ts";
import { pythonNoHandler, pythonTraceback } from "../../support/python-statements.ts";
import { PythonWorker } from "../../support/python-worker.ts";
import { tableDatabase, type TableDatabase } from "../../support/table-database.ts";
import { session } from "../../support/table-sessions.ts";

const GUARD = readFileSync(join(packageRoot(), "sql/patterns/python-guard.sql"), "utf8");

/** What Python's workers and reapers do to job 1, which they settle by id alone. */
const PYTHON = {
  done: (python) => python.markDone("1", {}),
  failed: (python) => python.markError("1", pythonTraceback("ValueError"), { terminal: true }),
  retry: (python) => python.markError("1", pythonTraceback("ValueError")),
  reap: (python) => python.reap(),
  cancel: (python) => python.cancel("1"),
  noHandler: (python) => python.markError("1", pythonNoHandler("embed"), { terminal: true }),
} satisfies Record<string, (python: PythonWorker) => Promise<unknown>>;

/** What pqrun's settlement does: it clears the lease, and leaves locked_by. */
const PQRUN_DONE =
  "UPDATE jobs SET status = 'DONE', finished_at = now(), locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL WHERE id = 1";

/** What its pick-up does. */
const PQRUN_PICK_UP =
  "UPDATE jobs SET status = 'RUNNING', locked_by = 'w#1', lease_holder = 'w#1', lease_expires_at = now() + interval '30 s' WHERE id = 1";

const STATUS = "SELECT status FROM jobs WHERE id = 1";
/** What the guard takes from a priority. */
const BEHIND = 2 ** 30;

let database: TableDatabase;
let python: PythonWorker;
const unguard = (): Promise<unknown> => database.rows("DROP TRIGGER IF EXISTS jobs_python_guard ON jobs");

beforeAll(async () => {
  database = await tableDatabase();
  await database.migrate({ pythonPickIndex: true });
  const handlers = { python: () => ({}) };
  python = await PythonWorker.connect({ url: database.url, name: "host-1", handlers });
});
afterAll(async () => {
  await python[Symbol.asyncDispose]();
  await database[Symbol.asyncDispose]();
});
beforeEach(() => database.rows("TRUNCATE jobs, jobs_waiting RESTART IDENTITY"));

/** One job as a worker of pqrun holds it, picked up an hour ago and extended since. */
const leased = (until: string): Promise<unknown> =>
  database.rows(`
INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, lease_holder, lease_expires_at)
VALUES ('embed', 'RUNNING', 2, now() - interval '1 hour', 'w#1', 'w#1', now() + interval '${until}')`);

const inState = (status: string): Promise<unknown> =>
  database.rows(`INSERT INTO jobs (job_type, status, attempts) VALUES ('embed', '${status}', 1)`);

const runningAtPythons = (): Promise<unknown> =>
  database.rows(`INSERT INTO jobs (job_type, status, attempts, locked_at, locked_by, last_error)
                 VALUES ('embed', 'RUNNING', 3, now(), 'host-1', 'earlier')`);

async function statusAfter(write: keyof typeof PYTHON | `UPDATE ${string}`): Promise<unknown> {
  await (write in PYTHON ? PYTHON[write as keyof typeof PYTHON](python) : database.rows(write));
  return (await database.rows(STATUS))[0]?.["status"];
}

describe("without the guard", () => {
  beforeEach(unguard);

  test("Python settles a job under pqrun's live lease", async () => {
    await leased("30 seconds");
    expect(await statusAfter("done")).toBe("DONE");
  });

  test("Python changes a job that is done or cancelled", async () => {
    for (const state of ["DONE", "CANCELLED"]) {
      await database.rows("TRUNCATE jobs RESTART IDENTITY");
      await inState(state);
      expect(await statusAfter("retry")).toBe("READY");
    }
  });

  test("a type that Python has no handler for fails", async () => {
    await runningAtPythons();
    expect(await statusAfter("noHandler")).toBe("FAILED");
  });

  test("Python's pick-up of a job whose result or payload is no object raises, and leaves it RUNNING", async () => {
    for (const column of ["payload", "result"]) {
      await database.rows("TRUNCATE jobs RESTART IDENTITY");
      await database.rows(`INSERT INTO jobs (job_type, ${column}) VALUES ('python', '42')`);
      await expect(python.step()).rejects.toThrow("Expected JSON object");
      expect(await database.rows("SELECT status, attempts FROM jobs")).toEqual([
        { status: "RUNNING", attempts: 1 },
      ]);
    }
  });
});

describe("with the guard", () => {
  beforeEach(() => database.rows(GUARD));

  test.for(["done", "failed", "retry", "reap", "noHandler"] as const)(
    "a job under pqrun's live lease is left byte for byte as it is: Python's %s",
    async (write) => {
      await leased("30 seconds");
      const before = await database.rows("SELECT *, xmin::text, ctid FROM jobs");
      await PYTHON[write](python);
      expect(await database.rows("SELECT *, xmin::text, ctid FROM jobs")).toEqual(before);
    },
  );

  test("a job under pqrun's live lease can be cancelled by Python, and settled by its holder", async () => {
    await leased("30 seconds");
    expect(await statusAfter("cancel")).toBe("CANCELLED");
    await database.rows("TRUNCATE jobs RESTART IDENTITY");
    await leased("30 seconds");
    expect(await statusAfter(PQRUN_DONE)).toBe("DONE");
  });

  test("a job whose lease has ended may be reaped and settled by Python", async () => {
    await leased("-1 second");
    expect(await statusAfter("reap")).toBe("READY");
  });

  test("a job that Python holds, and a lease that another attempt left, are not pqrun's", async () => {
    await runningAtPythons();
    await database.rows("UPDATE jobs SET lease_holder = 'w#0', lease_expires_at = now() + interval '1 hour'");
    expect(await statusAfter("done")).toBe("DONE");
  });

  test("a ready job in which a lease was left standing can be picked up by Python", async () => {
    await leased("30 seconds");
    await unguard();
    await database.rows("UPDATE jobs SET status = 'READY' WHERE id = 1");
    await database.rows(GUARD);
    expect(await python.pickUp()).toMatchObject({ id: "1", status: "RUNNING" });
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
        expect(await statusAfter(write)).toBe(state);
    }
    expect(await statusAfter("done")).toBe("CANCELLED");
  });

  test("a failed job can be retried by hand, and a ready one cancelled", async () => {
    await inState("FAILED");
    expect(await statusAfter("UPDATE jobs SET status = 'READY', finished_at = NULL WHERE id = 1")).toBe(
      "READY",
    );
    expect(await statusAfter("cancel")).toBe("CANCELLED");
  });

  test("any other failure of Python's stays a failure", async () => {
    await runningAtPythons();
    expect(await statusAfter("failed")).toBe("FAILED");
  });

  test("installing it again changes nothing, and it can be removed", async () => {
    await database.rows(GUARD);
    await database.rows(
      "DROP TRIGGER jobs_python_guard ON public.jobs; DROP FUNCTION public.jobs_python_guard();",
    );
    await leased("30 seconds");
    expect(await statusAfter("done")).toBe("DONE");
  });
});

describe("what Python has no handler for, with the guard,", () => {
  beforeEach(() => database.rows(GUARD));

  const ORDER = "SELECT job_type, priority FROM jobs WHERE status = 'READY' ORDER BY priority DESC, id";

  test("is READY again a few seconds later, the attempt given back", async () => {
    await runningAtPythons();
    await PYTHON.noHandler(python);
    expect(
      await database.rows(`
SELECT status, attempts, last_error, locked_at, locked_by, finished_at, duration_ms, priority,
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
        priority: 0,
        later: expect.objectContaining({ seconds: 5 }) as unknown,
      },
    ]);
  });

  test.for([
    ["a traceback that holds them", pythonTraceback(`KeyError: "${pythonNoHandler("embed")}"`)],
    ["the words for another type", pythonNoHandler("mail")],
    ["the words and more", `${pythonNoHandler("embed")} of the event`],
  ])("is known by its package's words alone: %s is a failure", async ([, error = ""]) => {
    await runningAtPythons();
    await python.markError("1", error, { terminal: true });
    expect(await database.rows("SELECT status, attempts, last_error FROM jobs")).toEqual([
      { status: "FAILED", attempts: 3, last_error: error },
    ]);
  });

  test("a handler of pqrun's own that fails with those words has failed", async () => {
    await leased("30 seconds");
    expect(
      await statusAfter(
        `UPDATE jobs SET status = 'FAILED', last_error = '${pythonNoHandler("embed")}', locked_at = NULL, lease_expires_at = NULL, lease_holder = NULL WHERE id = 1`,
      ),
    ).toBe("FAILED");
    expect(await database.rows("SELECT attempts FROM jobs")).toEqual([{ attempts: 2 }]);
  });

  test("so has one whose lease has ended, whoever writes them", async () => {
    await leased("-1 second");
    expect(await statusAfter("noHandler")).toBe("FAILED");
  });

  test("a job that has those words from an earlier attempt, or that does not run, is not put back", async () => {
    await runningAtPythons();
    await database.rows("UPDATE jobs SET last_error = $1", [pythonNoHandler("embed")]);
    expect(await statusAfter("done")).toBe("DONE");
    await database.rows("TRUNCATE jobs RESTART IDENTITY");
    await inState("READY");
    // pqrun's settlement leaves it, so that it is known again when it is repeated.
    await database.rows("UPDATE jobs SET locked_by = 'w#1'");
    expect(await statusAfter("noHandler")).toBe("FAILED");
  });

  test(
    "does not keep Python from its own: 5,000 such jobs come first, and 200 of Python's are done",
    { timeout: 90_000 },
    async () => {
      await database.rows(`
INSERT INTO jobs (job_type, priority, run_after) SELECT 'embed', n % 2, now() - interval '1 minute' FROM generate_series(1, 5000) n;
INSERT INTO jobs (job_type, run_after) SELECT 'python', now() - interval '1 minute' FROM generate_series(1, 200)`);
      // Without it the first jobs would be due again before the last had their turn: 5,200 steps and more.
      let steps = 0;
      const left = async (): Promise<unknown> =>
        (
          await database.rows(
            "SELECT count(*)::int AS n FROM jobs WHERE job_type = 'python' AND status <> 'DONE'",
          )
        )[0]?.["n"];
      for (; steps < 500 && (await left()) !== 0; steps += 20)
        for (let n = 0; n < 20; n += 1) await python.step();
      expect(await left()).toBe(0);
      // A hundred and one go behind with each that is put back.
      expect(steps).toBeLessThanOrEqual(260);
      // All are there, as urgent among themselves as they were, and due but for those that Python held.
      expect(
        await database.rows(`
SELECT priority, count(*)::int, bool_and(attempts = 0 AND last_error IS NULL) AS untouched,
       count(*) FILTER (WHERE run_after > now()) <= 60 AS due
  FROM jobs WHERE job_type = 'embed' AND status = 'READY' GROUP BY priority ORDER BY priority`),
      ).toEqual(
        [-BEHIND, 1 - BEHIND].map((priority) => ({ priority, count: 2_500, untouched: true, due: true })),
      );
    },
  );

  test("keeps its priority where it had not been due for a second; put back again, it goes behind", async () => {
    await database.rows("INSERT INTO jobs (job_type, priority) VALUES ('embed', 7)");
    await python.step();
    expect(await database.rows(ORDER)).toEqual([{ job_type: "embed", priority: 7 }]);
    await database.rows("UPDATE jobs SET run_after = now()");
    expect(await python.step()).toBe(true);
    expect(await database.rows(ORDER)).toEqual([{ job_type: "embed", priority: 7 - BEHIND }]);
    await database.rows("UPDATE jobs SET run_after = now() - interval '1 hour'");
    expect(await python.step()).toBe(true);
    expect(await database.rows(ORDER)).toEqual([{ job_type: "embed", priority: 7 - BEHIND }]);
  });

  test("takes with it only jobs that are as it is: of its type and priority, READY, due for a second, and locked by nobody", async () => {
    const overdue = "now() - interval '1 minute'";
    const rows = [
      ["embed", 7, overdue, "READY"],
      ["embed", 7, overdue, "READY"],
      ["embed", 6, overdue, "READY"],
      ["mail", 7, overdue, "READY"],
      ["embed", 7, "now()", "READY"],
      ["embed", 7, "now() + interval '1 hour'", "READY"],
      ["embed", 7, overdue, "RUNNING"],
      ["embed", 7, overdue, "FAILED"],
      ["embed", 7, overdue, "READY"],
    ] as const;
    for (const [type, priority, due, status] of rows) {
      await database.rows(
        `INSERT INTO jobs (job_type, priority, run_after, status) VALUES ('${type}', ${priority}, ${due}, '${status}')`,
      );
    }
    await using other = await session(database.url);
    await other.rows("BEGIN; SELECT 1 FROM jobs WHERE id = 9 FOR UPDATE");
    await python.step();
    await other.rows("ROLLBACK");
    const moved = await database.rows("SELECT id::int FROM jobs WHERE priority < 0 ORDER BY id");
    expect(moved.map(({ id }) => id)).toEqual([1, 2]);
    expect(
      await database.rows("SELECT run_after < now() AS due, lease_holder FROM jobs WHERE id = 2"),
    ).toEqual([{ due: true, lease_holder: "python-guard, behind all others" }]);
  });

  test.for([
    ["pqrun", PQRUN_PICK_UP, "w#1"],
    ["Python", "UPDATE jobs SET status = 'RUNNING', locked_by = 'host-2' WHERE id = 1", "python-guard"],
    ["a cancel", "UPDATE jobs SET status = 'CANCELLED' WHERE id = 1", "python-guard"],
  ] as const)("has its own priority again, and for good, after %s", async ([, takes, holder]) => {
    // One so low that what is taken from it would fit twice is no exception.
    for (const priority of [-7, 7, -1_000_000_000]) {
      await database.rows(`TRUNCATE jobs RESTART IDENTITY;
        INSERT INTO jobs (job_type, priority, run_after) VALUES ('embed', ${priority}, now() - interval '1 minute')`);
      await python.step();
      expect(await database.rows(ORDER)).toEqual([{ job_type: "embed", priority: priority - BEHIND }]);
      await database.rows(takes);
      const after = [{ priority, lease_holder: holder }];
      expect(await database.rows("SELECT priority, lease_holder FROM jobs")).toEqual(after);
      await database.rows("UPDATE jobs SET status = 'FAILED', locked_by = NULL WHERE status = 'RUNNING'");
      expect(await database.rows("SELECT priority FROM jobs")).toEqual([{ priority }]);
    }
  });

  test("and a priority that has no room below it, or that somebody set since, is left as it is", async () => {
    const least = -(2 ** 31);
    const pickedUp = "UPDATE jobs SET status = 'RUNNING', locked_by = 'host-2'";
    await database.rows(
      `INSERT INTO jobs (job_type, priority, run_after) VALUES ('embed', ${least}, now() - interval '1 minute')`,
    );
    await python.step();
    expect(await database.rows(ORDER)).toEqual([{ job_type: "embed", priority: least }]);
    await database.rows(pickedUp);
    expect(await database.rows("SELECT priority FROM jobs")).toEqual([{ priority: least }]);
    await database.rows("UPDATE jobs SET status = 'READY', priority = 7, run_after = now()");
    await python.step();
    expect(await database.rows(ORDER)).toEqual([{ job_type: "embed", priority: 7 - BEHIND }]);
    await database.rows(`UPDATE jobs SET priority = 5; ${pickedUp}`);
    expect(await database.rows("SELECT priority FROM jobs")).toEqual([{ priority: 5 }]);
  });
});

describe("what Python can't read, with the guard,", () => {
  beforeEach(() => database.rows(GUARD));

  test("is put back where its payload is no object, the attempt not counted, and keeps nothing else from Python", async () => {
    await database.rows(`
INSERT INTO jobs (job_type, payload) VALUES ('python', '[1]'), ('python', 'null'), ('python', '{}');
UPDATE jobs SET last_error = 'earlier', attempts = 2`);
    for (let n = 0; n < 2; n += 1) await expect(python.step()).rejects.toThrow("Expected JSON object");
    await python.step();
    expect(
      await database.rows(
        "SELECT status, attempts, last_error, locked_by, run_after > now() AS later FROM jobs ORDER BY id",
      ),
    ).toEqual([
      ...[1, 2].map(() => ({
        status: "READY",
        attempts: 2,
        last_error: "earlier",
        locked_by: null,
        later: true,
      })),
      { status: "DONE", attempts: 3, last_error: "earlier", locked_by: null, later: false },
    ]);
  });

  test("is a job of pqrun's all the same: a pick-up of pqrun's takes it", async () => {
    await database.rows("INSERT INTO jobs (job_type, payload) VALUES ('embed', '[1]')");
    expect(await statusAfter(PQRUN_PICK_UP)).toBe("RUNNING");
  });

  test("is a result that is no object: it is dropped as its job becomes READY or RUNNING, and an object stays", async () => {
    await database.rows(`
INSERT INTO jobs (job_type, status, result) VALUES ('python', 'FAILED', '42'), ('python', 'FAILED', '{"n": 1}');
UPDATE jobs SET status = 'READY'`);
    expect(await database.rows("SELECT result FROM jobs ORDER BY id")).toEqual([
      { result: null },
      { result: { n: 1 } },
    ]);
    await unguard();
    await database.rows("UPDATE jobs SET result = '42'");
    await database.rows(GUARD);
    expect([await python.step(), await python.step()]).toEqual([true, true]);
    expect(await database.rows("SELECT status, result FROM jobs")).toEqual(
      [1, 2].map(() => ({ status: "DONE", result: {} })),
    );
    await inState("RUNNING");
    await database.rows("UPDATE jobs SET status = 'DONE', result = '42' WHERE job_type = 'embed'");
    expect(await database.rows("SELECT result FROM jobs WHERE job_type = 'embed'")).toEqual([{ result: 42 }]);
  });
});

describe("what is made READY, with the guard,", () => {
  beforeEach(() => database.rows(GUARD));

  /** What a listener hears of an act, and how often. */
  async function heard(act: () => Promise<unknown>): Promise<(string | undefined)[]> {
    const listener = await session(database.url);
    onTestFinished(() => listener[Symbol.asyncDispose]());
    const payloads: (string | undefined)[] = [];
    listener.client.on("notification", ({ payload }) => payloads.push(payload));
    await listener.rows("LISTEN pqrun_jobs");
    await act();
    // A session hears what was committed before with the answer to its own next statement.
    await listener.rows("NOTIFY pqrun_jobs, 'over'");
    await expect.poll(() => payloads.at(-1)).toBe("over");
    return payloads.slice(0, -1);
  }

  const waits = (until = "1 hour"): Promise<unknown> =>
    database.rows(`INSERT INTO jobs_waiting VALUES ('w', now() + interval '${until}')`);

  const ofEmbed: unknown = expect.stringMatching(/^\[1, \[\["embed", \d+\]\]\]$/);

  test.for(["noHandler", "retry"] as const)("wakes who waits: Python's %s", async (write) => {
    await waits();
    await runningAtPythons();
    expect(await heard(() => PYTHON[write](python))).toEqual([ofEmbed]);
  });

  test("wakes who waits: Python's reap, and an UPDATE by hand", async () => {
    await waits();
    await leased("-1 second");
    expect(await heard(() => PYTHON.reap(python))).toEqual([ofEmbed]);
    await database.rows("UPDATE jobs SET status = 'FAILED'");
    expect(await heard(() => database.rows("UPDATE jobs SET status = 'READY'"))).toEqual([ofEmbed]);
  });

  test("notifies nobody while nobody waits, or for another state", async () => {
    await runningAtPythons();
    expect(await heard(() => PYTHON.retry(python))).toEqual([]);
    await waits("-1 second");
    expect(await heard(() => database.rows("UPDATE jobs SET status = 'FAILED'"))).toEqual([]);
    expect(await heard(() => database.rows("UPDATE jobs SET status = 'READY'"))).toEqual([]);
    await database.rows("TRUNCATE jobs, jobs_waiting RESTART IDENTITY");
    await waits();
    await leased("30 seconds");
    expect(await heard(() => PYTHON.cancel(python))).toEqual([]);
  });

  test("is written all the same where nobody can be notified", async () => {
    await waits();
    await runningAtPythons();
    await database.rows("ALTER TABLE jobs_waiting RENAME TO gone");
    try {
      expect(await statusAfter("noHandler")).toBe("READY");
    } finally {
      await database.rows("ALTER TABLE gone RENAME TO jobs_waiting");
    }
  });
});
