import { expect, test } from "vitest";

import type { PickedUpJob } from "../../src/core/job.ts";
import type { Settlement } from "../../src/core/turn/settlement.ts";
import type { TurnRequest } from "../../src/core/turn/turn-request.ts";
import { whilePaused } from "../support/pause.ts";
import { pickUpOf, pickUpOne, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;

const reap = { defaultTimeoutSeconds: 1_200 };
const done = (job: PickedUpJob): Settlement => ({
  job,
  durationMs: 1,
  outcome: "done",
  resultText: `{"by":1}`,
});
const running = async (): Promise<PickedUpJob> => {
  await queue.insert();
  return await pickUpOne(store, { leaseMs: 0 });
};

/** What others may do to a job between a turn's snapshot and its look at the row. */
const MEANWHILE = {
  "reaped it": () => store.turn({ reap }),
  "reaped it and picked it up again": async () => {
    await store.turn({ reap });
    await pickUpOne(store);
  },
  "cancelled it": (job: PickedUpJob) => store.cancel(job.id),
  "settled it": (job: PickedUpJob) => store.markError(job, "first", 0),
  "deleted it": (job: PickedUpJob) => queue.rows("DELETE FROM jobs WHERE id = $1", [job.id]),
} as const;

test.for(Object.entries(MEANWHILE))(
  "a turn that settles a job writes nothing where others have %s since its snapshot",
  async ([, work]) => {
    const job = await running();
    let image: string | undefined;
    const { settlements } = await whilePaused(queue, { settlements: [done(job)] }, async () => {
      await work(job);
      image = await queue.image(job.id);
    });
    // Its snapshot still shows the job as its own: so it can't say what became of it, and asks again.
    expect(settlements).toMatchObject([{ verdict: "busy", status: null }]);
    expect(await queue.image(job.id)).toBe(image);
    const again = await store.turn({ settlements: [done(job)] });
    expect(again.settlements[0]?.verdict).toMatch(/^(?:lost|cancelled|already)$/);
    expect(await queue.image(job.id)).toBe(image);
  },
);

test.for([
  ...Object.entries(MEANWHILE),
  ["extended it", (job: PickedUpJob) => store.extend([job], 60_000)] as const,
])("a turn that reaps leaves a job alone where others have %s since its snapshot", async ([, work]) => {
  const job = await running();
  let image: string | undefined;
  const { reaped } = await whilePaused(queue, { reap }, async () => {
    await work(job);
    image = await queue.image(job.id);
  });
  expect(reaped).toEqual([]);
  expect(await queue.image(job.id)).toBe(image);
});

const jobsOf = (count: number): Promise<unknown> =>
  queue.rows("INSERT INTO jobs (job_type, max_attempts) SELECT 'a', 1000 FROM generate_series(1, $1)", [
    count,
  ]);

test(
  "8 workers share 2,000 jobs: each is picked up once, and each is DONE",
  { timeout: 120_000 },
  async () => {
    await jobsOf(2_000);
    const sessions = await Promise.all(Array.from({ length: 8 }, () => queue.session()));
    const seen: string[] = [];
    const work = async ({ store: own }: (typeof sessions)[number]): Promise<void> => {
      let settlements: Settlement[] = [];
      for (;;) {
        const answer = await own.turn({ settlements, reap, pickUp: pickUpOf({ slots: 7, buffer: 6 }) });
        // Busy: another turn's snapshot is of before the pick-up, and it locks the row before it sees that.
        expect(answer.settlements.every(({ verdict }) => verdict === "settled" || verdict === "busy")).toBe(
          true,
        );
        seen.push(...answer.jobs.map(({ id }) => id));
        const busy = settlements.filter((_, n) => answer.settlements[n]?.verdict === "busy");
        settlements = [...busy, ...answer.jobs.map(done)];
        if (settlements.length === 0 && !answer.more && !answer.contended) return;
      }
    };
    await Promise.all(sessions.map(work));
    expect(seen).toHaveLength(2_000);
    expect(new Set(seen).size).toBe(2_000);
    expect(await queue.rows("SELECT status, attempts, count(*)::int FROM jobs GROUP BY 1, 2")).toEqual([
      { status: "DONE", attempts: 1, count: 2_000 },
    ]);
  },
);

test(
  "8 reapers against settlers: no terminal row changes, and no job is settled twice",
  { timeout: 120_000 },
  async () => {
    // Leases end almost at once, so that each job is reaped or settled by whoever comes first.
    await jobsOf(300);
    await queue.rows("CREATE TABLE ended (id bigint, status text, by text)");
    await queue.rows(`
    CREATE FUNCTION note_end() RETURNS trigger LANGUAGE plpgsql AS
      'BEGIN INSERT INTO ended VALUES (NEW.id, NEW.status, OLD.status); RETURN NULL; END'`);
    await queue.rows(`
    CREATE TRIGGER note_end AFTER UPDATE ON jobs FOR EACH ROW
      WHEN (NEW.status IN ('DONE', 'FAILED', 'CANCELLED') OR OLD.status IN ('DONE', 'FAILED', 'CANCELLED'))
      EXECUTE FUNCTION note_end()`);
    let settled = 0;
    let working = true;
    const settler = async (): Promise<void> => {
      const { store: own } = await queue.session();
      for (;;) {
        const { jobs, more, contended } = await own.turn({ pickUp: pickUpOf({ slots: 10, leaseMs: 3 }) });
        let open = jobs.map(done);
        while (open.length > 0) {
          const { settlements } = await own.turn({ settlements: open });
          settled += settlements.filter(({ verdict }) => verdict === "settled").length;
          expect(settlements.some(({ verdict }) => verdict === "already")).toBe(false);
          open = open.filter((_, n) => settlements[n]?.verdict === "busy");
        }
        const [left] = await queue.rows(
          "SELECT count(*)::int AS n FROM jobs WHERE status IN ('READY', 'RUNNING')",
        );
        if (left?.["n"] === 0 && !more && !contended) return;
      }
    };
    const reaper = async (): Promise<number> => {
      const { store: own } = await queue.session();
      let reaped = 0;
      while (working) reaped += (await own.reapStale()).length;
      return reaped;
    };
    const reapers = Array.from({ length: 8 }, reaper);
    await Promise.all(Array.from({ length: 4 }, settler)).finally(() => (working = false));
    const reaped = (await Promise.all(reapers)).reduce((sum, n) => sum + n, 0);
    expect(settled).toBe(300);
    expect(
      await queue.rows(
        "SELECT status, by, count(*)::int, count(DISTINCT id)::int AS ids FROM ended GROUP BY 1, 2",
      ),
    ).toEqual([{ status: "DONE", by: "RUNNING", count: 300, ids: 300 }]);
    const [attempts] = await queue.rows("SELECT sum(attempts)::int AS n FROM jobs");
    expect(attempts?.["n"]).toBe(300 + reaped);
    expect(reaped).toBeGreaterThanOrEqual(20);
    await queue.rows("DROP FUNCTION note_end CASCADE");
  },
);

test(
  "batches in opposing orders never deadlock: settle, extend, release and reap",
  { timeout: 120_000 },
  async () => {
    await jobsOf(100);
    const refused: unknown[] = [];
    const sessions = await Promise.all(
      Array.from({ length: 4 }, () =>
        queue.session({
          between: (executor) => ({
            ...executor,
            query: async (...args) => {
              try {
                return await executor.query(...args);
              } catch (error) {
                refused.push(error);
                throw error;
              }
            },
          }),
        }),
      ),
    );
    for (let round = 0; round < 25; round += 1) {
      const { jobs } = await store.turn({ pickUp: pickUpOf({ slots: 100, leaseMs: 0 }) });
      expect(jobs).toHaveLength(100);
      const orders = [jobs, jobs.toReversed(), jobs.toSorted(() => Math.random() - 0.5), jobs.toReversed()];
      const request = (order: readonly PickedUpJob[]): TurnRequest => ({
        settlements: order.map((job) => ({ job, durationMs: 1, outcome: "snooze", due: 0 })),
        reap,
      });
      await Promise.all(
        sessions.flatMap(({ store: own }, n) => {
          const order = orders[n] ?? jobs;
          return n % 2 === 0
            ? [own.turn(request(order)), own.extend(order, 0)]
            : [own.extend(order, 0), own.turn(request(order))];
        }),
      );
      // What was busy in all of them.
      await store.turn(request(jobs));
    }
    expect(refused).toEqual([]);
  },
);
