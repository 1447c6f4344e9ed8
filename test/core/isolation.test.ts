import { describe, expect, test } from "vitest";

import type { SqlExecutor } from "../../src/core/executor.ts";
import type { Logger } from "../../src/core/logger.ts";
import { notingErrors } from "../support/between.ts";
import { pickUpOf, testQueue, type QueueSession } from "../support/queue.ts";

const queue = await testQueue();

/** A logger that keeps its warnings. */
function warningsOf(): { logger: Logger; warnings: string[] } {
  const warnings: string[] = [];
  const ignore = (): void => undefined;
  return {
    warnings,
    logger: { debug: ignore, info: ignore, error: ignore, warn: (text) => void warnings.push(text) },
  };
}

const sessionsOf = (count: number): Promise<QueueSession[]> =>
  Promise.all(Array.from({ length: count }, () => queue.session()));

test("a turn that loses a conflict fifty times in a row is sent a fifty-first time", async () => {
  let lost = 0;
  const losing = (executor: SqlExecutor): SqlExecutor => ({
    ...executor,
    query: async (...statement) => {
      if (lost === 50) return executor.query(...statement);
      lost += 1;
      throw Object.assign(new Error("could not serialize access due to concurrent update"), {
        code: "40001",
      });
    },
  });
  const { store } = await queue.session({ between: losing });
  await queue.rows("INSERT INTO jobs (job_type) VALUES ('a')");
  expect((await store.turn({ pickUp: pickUpOf({ slots: 1 }) })).jobs).toHaveLength(1);
  expect(lost).toBe(50);
});

describe.each(["serializable", "repeatable read"])(
  "where the database's default isolation is %s",
  (level) => {
    const setDefault = async (): Promise<void> => {
      const [row] = await queue.rows("SELECT current_database() AS name");
      await queue.rows(
        `ALTER DATABASE ${String(row?.["name"])} SET default_transaction_isolation = '${level}'`,
      );
    };

    test("16 enqueues of one key at once all answer the one job's id", async () => {
      await setDefault();
      const sessions = await sessionsOf(16);
      for (let round = 0; round < 5; round += 1) {
        const dedupeKey = `k${round}`;
        const answers = await Promise.all(sessions.map(({ store }) => store.enqueue("a", {}, { dedupeKey })));
        expect(answers.filter(({ created }) => created)).toHaveLength(1);
        expect(new Set(answers.map(({ id }) => id)).size).toBe(1);
      }
    });

    test("16 turns at once pick up, settle and reap without an error, and nothing twice", async () => {
      await setDefault();
      await queue.rows("INSERT INTO jobs (job_type) SELECT 'a' FROM generate_series(1, 160)");
      const sessions = await sessionsOf(16);
      const reap = { defaultTimeoutSeconds: 1_200 };
      const first = await Promise.all(
        sessions.map(({ store }) => store.turn({ pickUp: pickUpOf({ slots: 5 }), reap })),
      );
      const jobs = first.flatMap((answer) => answer.jobs);
      expect(new Set(jobs.map(({ id }) => id)).size).toBe(jobs.length);
      const answers = await Promise.all(
        sessions.map(({ store }, n) =>
          store.turn({
            settlements: (first[n]?.jobs ?? []).map((job) => ({
              job,
              durationMs: 1,
              outcome: "done",
              resultText: null,
            })),
            pickUp: pickUpOf({ slots: 5 }),
            reap,
          }),
        ),
      );
      const verdicts = answers.flatMap(({ settlements }) => settlements.map(({ verdict }) => verdict));
      expect(verdicts.filter((verdict) => verdict !== "busy").every((verdict) => verdict === "settled")).toBe(
        true,
      );
      const second = answers.flatMap((answer) => answer.jobs);
      expect(new Set([...jobs, ...second].map(({ id }) => id)).size).toBe(jobs.length + second.length);
    });

    test("a conflict is not the caller's: the statement is sent again, and one warning names the setting", async () => {
      await setDefault();
      const errors: unknown[] = [];
      const { logger, warnings } = warningsOf();
      const [rival, own] = [
        await queue.session(),
        await queue.session({ logger, between: notingErrors(errors) }),
      ];
      for (const key of ["k1", "k2"]) {
        await rival.client.query(`BEGIN; INSERT INTO jobs (job_type, dedupe_key) VALUES ('a', '${key}')`);
        const enqueued = own.store.enqueue("a", {}, { dedupeKey: key });
        await queue.blocked(own.pid);
        await rival.client.query("COMMIT");
        expect(await enqueued).toMatchObject({ created: false });
      }
      expect(errors).toMatchObject([{ code: "40001" }, { code: "40001" }]);
      expect(warnings).toEqual([expect.stringContaining("default_transaction_isolation")]);
    });

    test("a conflict inside the caller's transaction is the caller's, and nothing is repeated", async () => {
      await setDefault();
      const [rival, own] = [await queue.session(), await queue.session()];
      await rival.client.query("BEGIN; INSERT INTO jobs (job_type, dedupe_key) VALUES ('a', 'k')");
      await own.client.query("BEGIN; SELECT FROM jobs");
      const enqueued = own.store.with(own.client).enqueue("a", {}, { dedupeKey: "k" });
      const refused = expect(enqueued).rejects.toMatchObject({ code: "40001" });
      await queue.blocked(own.pid);
      await rival.client.query("COMMIT");
      await refused;
    });
  },
);
