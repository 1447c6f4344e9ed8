import { isExecutor } from "../../src/core/executor.ts";
import { sqlState } from "../../src/core/sql/sql-state.ts";
import { equal, ok, rejected } from "./assert.ts";
import { errorPromises } from "./error-promises.ts";
import { listenPromises } from "./listen-promises.ts";
import { marksOf } from "./marks.ts";
import { cellsOf, valuesOf } from "./rows.ts";
import { OPTIONAL_MEMBERS, promisesOf } from "./subject.ts";
import type { Promises, Suite } from "./subject.ts";
import { transactionPromises } from "./transaction-promises.ts";

/** What pqrun asks of an executor, each promise a test. */
export function executorSuite<Tx>(suite: Suite<Tx>): void {
  const promise = promisesOf(suite);
  membership(suite, promise);
  values(promise);
  statements(promise);
  errorPromises(promise);
  transactionPromises(promise);
  listenPromises(promise);
}

function membership<Tx>({ lacks = {} }: Suite<Tx>, promise: Promises<Tx>): void {
  promise(
    "an executor bears pqrun's mark, and says whether its connections outlive a request",
    [],
    ({ executor }) => {
      ok(isExecutor(executor), "isExecutor recognises it");
      equal(typeof executor.outlivesRequest, "boolean", "outlivesRequest");
      return Promise.resolve();
    },
  );
  for (const member of OPTIONAL_MEMBERS) {
    const reason = lacks[member];
    if (reason === undefined) continue;
    promise(`the executor has no ${member}: ${reason}`, [], ({ executor }) => {
      equal((executor as Partial<typeof executor>)[member], undefined, member);
      return Promise.resolve();
    });
  }
}

/** Text that some driver or protocol might take for something else. */
const TEXTS = [
  "",
  " ",
  "NULL",
  "true",
  "{}",
  "[1,2]",
  "{a,b}",
  "1e400",
  "9007199254740993",
  "2026-11-23T05:24:23.281123Z",
  "infinity",
  `'";--\\'\\\\ $1 $$ ? :a %s`,
  "line\r\nline\ttab\u0001",
  "zażółć gęślą jaźń, 漢字, עברית, 🐘👩‍👩‍👧‍👦, e\u0301, \uffff",
];

function values<Tx>(promise: Promises<Tx>): void {
  promise("a row is an object of text and null in column order", [], async ({ executor }) => {
    const rows = await executor.query("SELECT 'x' AS zz, NULL::text AS b, $1::text AS a, '4' AS c", ["3"]);
    equal(rows.length, 1, "rows");
    equal(cellsOf(rows[0]), ["x", null, "3", "4"]);
  });

  promise("thirty columns keep their order", [], async ({ executor }) => {
    const columns = Array.from({ length: 30 }, (_, index) => `'${index}' AS c${(index * 7) % 30}`);
    const [row] = await executor.query(`SELECT ${columns.join(", ")}`);
    equal(
      cellsOf(row),
      Array.from({ length: 30 }, (_, index) => String(index)),
    );
  });

  promise("rows keep their order, and no row is an empty list", [], async ({ executor }) => {
    const rows = await executor.query("SELECT n::text AS a FROM generate_series(1, 2000) n ORDER BY n DESC");
    equal(
      valuesOf(rows),
      Array.from({ length: 2_000 }, (_, index) => [String(2_000 - index)]),
    );
    equal(valuesOf(await executor.query("SELECT 'x' AS a WHERE $1::text IS NOT NULL", [null])), []);
  });

  promise("parameters arrive as they are, each in its place", [], async ({ executor }) => {
    for (const text of TEXTS) {
      const [row] = await executor.query(
        "SELECT $2::text AS a, $1::text AS b, $3::text AS c, $2::text AS d",
        [null, text, "end"],
      );
      equal(cellsOf(row), [text, null, "end", text]);
    }
  });

  promise("a text of a megabyte goes there and back", [], async ({ executor }) => {
    const text = "ab🐘\n".repeat(200_000);
    const [row] = await executor.query("SELECT $1::text AS a, length($1::text)::text AS b", [text]);
    const [back, length] = cellsOf(row);
    ok(back === text, "the same text came back");
    equal(length, "800000");
  });

  promise("text casts on to every type that pqrun sends", [], async ({ executor }) => {
    const rows = await executor.query(
      `SELECT $1::text::int8::text AS a, $2::text::jsonb::text AS b, $3::text::boolean::text AS c,
              (date_part('epoch', $4::text::timestamptz) * 1000000)::int8::text AS d, $5::text::float8::text AS e,
              (SELECT string_agg(value, '-') FROM json_array_elements_text($6::text::json)) AS f`,
      [
        "9223372036854775807",
        '{"a": ["x", null]}',
        "true",
        "2026-01-02T03:04:05.678901Z",
        "0.5",
        '["y", "z"]',
      ],
    );
    const expected = ["9223372036854775807", '{"a": ["x", null]}', "true", "1767323045678901", "0.5", "y-z"];
    equal(valuesOf(rows), [expected]);
  });
}

function statements<Tx>(promise: Promises<Tx>): void {
  promise("what was answered is committed, and what failed left nothing", [], async (bench) => {
    const marks = await marksOf(bench);
    const { text, params } = marks.insert("kept");
    equal(valuesOf(await bench.executor.query(text, params)), [["kept"]]);
    const failing = `WITH w AS (${marks.insert("").text}) SELECT (1 / (length(a) - 4))::text AS a FROM w`;
    equal(sqlState(await rejected(bench.executor.query(failing, ["lost"]))), "22012");
    equal(await marks.all(), ["kept"]);
  });

  promise("ten statements at once each get their own answer", [], async ({ executor }) => {
    const numbers = Array.from({ length: 10 }, (_, index) => String(index));
    const answers = await Promise.all(numbers.map((n) => executor.query("SELECT $1::text AS a", [n])));
    equal(
      answers.map(valuesOf),
      numbers.map((n) => [[n]]),
    );
  });

  promise("a text of two statements is refused, and neither runs", [], async (bench) => {
    const marks = await marksOf(bench);
    const two = `${marks.insert("").text}; SELECT 'y' AS b`;
    equal(sqlState(await rejected(bench.executor.query(two, ["a"]))), "42601");
    equal(await marks.all(), []);
  });

  promise("so is one without parameters", ["extended"], async (bench) => {
    const marks = await marksOf(bench);
    const bare = `${marks.insert("").text.replace("$1::text", "'b'")}; SELECT 'y' AS b`;
    equal(sqlState(await rejected(bench.executor.query(bare))), "42601");
    equal(sqlState(await rejected(bench.executor.query(bare, []))), "42601");
    equal(await marks.all(), []);
  });

  promise("a DO block and other DDL is a statement like any", [], async ({ executor }) => {
    equal(valuesOf(await executor.query("DO $$ BEGIN PERFORM 1; END $$")), []);
    equal(
      valuesOf(await executor.query("CREATE TABLE IF NOT EXISTS public.pqrun_conformance_ddl (a text)")),
      [],
    );
    equal(valuesOf(await executor.query("DROP TABLE public.pqrun_conformance_ddl")), []);
  });
}
