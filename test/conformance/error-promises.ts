import { sqlState } from "../../src/core/sql/sql-state.ts";
import { equal, ok, rejected, soon } from "./assert.ts";
import { marksOf } from "./marks.ts";
import { cellsOf, valuesOf } from "./rows.ts";
import type { Promises } from "./subject.ts";

/** What an executor promises of statements that fail, or that nobody waits for any more. */
export function errorPromises<Tx>(promise: Promises<Tx>): void {
  errors(promise);
  aborts(promise);
  lostSessions(promise);
}

function lostSessions<Tx>(promise: Promises<Tx>): void {
  promise(
    "sessions that the server ends while nobody uses them are replaced, and end no process",
    ["transaction", "reconnect", "rival"],
    async ({ executor, sql }) => {
      const asked = Array.from({ length: 3 }, () =>
        executor.query("SELECT pg_backend_pid()::text AS a, pg_sleep(0.1)::text AS b"),
      );
      const pids = new Set((await Promise.all(asked)).map(([row]) => String(cellsOf(row)[0])));
      for (const pid of pids) await sql("SELECT pg_terminate_backend($1::text::int4)::text AS a", [pid]);
      // A driver that has not heard of it yet sends the next ones into the void: as many as there were sessions, at most.
      let answer: unknown;
      for (let tries = 0; answer === undefined && tries <= pids.size; tries += 1)
        answer = await soon(executor.query("SELECT 'usable' AS a"), "an answer").then(
          valuesOf,
          () => undefined,
        );
      equal(answer, [["usable"]]);
    },
  );
}

/** Statements that PostgreSQL refuses, each with its SQLSTATE; 42601 is refused before it is planned. */
const REFUSED = [
  ["SELEKT 1", "42601"],
  ["SELECT 1 FROM public.pqrun_no_such_table", "42P01"],
  ["SELECT pqrun_no_such_column", "42703"],
  ["SELECT (1 / (length('') * 1))::text AS a", "22012"],
  ["SELECT 'x'::text::int4::text AS a", "22P02"],
  ["DO $$ BEGIN RAISE 'own' USING ERRCODE = 'PQR99'; END $$", "PQR99"],
] as const;

function errors<Tx>(promise: Promises<Tx>): void {
  promise(
    "the SQLSTATE is behind every error, and the executor is usable after it",
    [],
    async ({ executor }) => {
      for (const [text, state] of REFUSED) {
        equal(sqlState(await rejected(executor.query(text))), state, text);
        equal(
          valuesOf(await executor.query("SELECT $1::text AS a", ["usable"])),
          [["usable"]],
          `after ${state}`,
        );
      }
    },
  );

  promise("a unique violation is known by its SQLSTATE", [], async (bench) => {
    const { text, params } = (await marksOf(bench)).insert("twin");
    await bench.executor.query(text, params);
    equal(sqlState(await rejected(bench.executor.query(text, params))), "23505");
  });

  promise("an error among statements at once is its own statement's only", [], async ({ executor }) => {
    const divisors = ["1", "0", "1", "0", "1"];
    const outcomes = await Promise.allSettled(
      divisors.map((n) => executor.query("SELECT (1 / $1::text::int4)::text AS a", [n])),
    );
    equal(
      outcomes.map((outcome) => (outcome.status === "fulfilled" ? "1" : sqlState(outcome.reason))),
      ["1", "22012", "1", "22012", "1"],
    );
  });
}

function aborts<Tx>(promise: Promises<Tx>): void {
  promise("an aborted signal refuses a statement with its reason, and nothing is sent", [], async (bench) => {
    const marks = await marksOf(bench);
    const { text, params } = marks.insert("never");
    const reason = new Error("the reason");
    const signal = AbortSignal.abort(reason);
    ok((await rejected(bench.executor.query(text, params, { signal }))) === reason, "the signal's reason");
    equal(valuesOf(await bench.executor.query("SELECT 'usable' AS a")), [["usable"]]);
    equal(await marks.all(), []);
  });

  promise(
    "an abort during a statement rejects it at once with the signal's reason",
    ["abort"],
    async ({ executor }) => {
      const controller = new AbortController();
      const reason = { any: "value" };
      const sleeping = rejected(
        executor.query("SELECT pg_sleep(60)::text AS a", [], { signal: controller.signal }),
      );
      setTimeout(() => controller.abort(reason), 50);
      ok((await soon(sleeping, "the rejection")) === reason, "the signal's reason");
    },
  );

  promise("after an aborted statement the next ones run", ["abort", "recovery"], async ({ executor }) => {
    const sleeps = Array.from({ length: 3 }, () => {
      const controller = new AbortController();
      setTimeout(() => controller.abort(new Error("enough")), 50);
      return rejected(executor.query("SELECT pg_sleep(60)::text AS a", [], { signal: controller.signal }));
    });
    await soon(Promise.all(sleeps), "the rejections");
    equal(valuesOf(await soon(executor.query("SELECT 'usable' AS a"), "the next statement")), [["usable"]]);
  });

  promise("an aborted statement ends on the server", ["abort", "cancel", "rival"], async (bench) => {
    const controller = new AbortController();
    const sleeping = rejected(
      bench.executor.query("SELECT pg_sleep(60)::text AS pqrun_aborted", [], { signal: controller.signal }),
    );
    const running = async (): Promise<boolean> => {
      const text = `SELECT 'there' AS a FROM pg_stat_activity
        WHERE datname = current_database() AND state = 'active' AND query LIKE 'SELECT pg_sleep%pqrun_aborted'`;
      return (await bench.sql(text)).length > 0;
    };
    const until = async (wanted: boolean): Promise<void> => {
      while ((await running()) !== wanted) await new Promise((resolve) => setTimeout(resolve, 10));
    };
    await soon(until(true), "the statement at the server");
    controller.abort(new Error("enough"));
    await soon(sleeping, "the rejection");
    await soon(until(false), "its end there");
  });

  promise("a signal that fires after the answer changes nothing", [], async ({ executor }) => {
    const controller = new AbortController();
    const { signal } = controller;
    equal(valuesOf(await executor.query("SELECT 'first' AS a", [], { signal })), [["first"]]);
    controller.abort();
    equal(valuesOf(await executor.query("SELECT 'second' AS a")), [["second"]]);
  });
}
