import { expect, test } from "vitest";

import {
  endsSession,
  isConflict,
  isOutage,
  notSent,
  provesRollback,
  sqlState,
  waitingIsFutile,
} from "../../src/core/sql/sql-state.ts";

const coded = (code: string, message = "no"): Error => Object.assign(new Error(message), { code });

test.for([
  ["pg's and postgres.js's error", coded("23505"), "23505"],
  [
    "Bun's, which keeps it in errno",
    Object.assign(coded("ERR_POSTGRES_SERVER_ERROR"), { errno: "40001" }),
    "40001",
  ],
  ["Drizzle's, which wraps the driver's", new Error("Failed query", { cause: coded("40P01") }), "40P01"],
  ["Neon's of a failed fetch", Object.assign(new Error("no"), { sourceError: coded("08006") }), "08006"],
  ["one in an AggregateError", new AggregateError([new Error("v6"), coded("57P03")]), "57P03"],
  [
    "one that is wrapped twice",
    new Error("a", { cause: new Error("b", { cause: coded("0LP01") }) }),
    "0LP01",
  ],
  ["an object that is no Error", { code: "22P02" }, "22P02"],
  ["EPIPE, five capitals that are no SQLSTATE", coded("EPIPE"), undefined],
  ["a broken connection", coded("ECONNRESET"), undefined],
  ["a system error's number", Object.assign(coded("ECONNREFUSED"), { errno: -111 }), undefined],
  ["Neon's without a code", Object.assign(new Error("no"), { code: undefined }), undefined],
  ["a message that looks like one", new Error("23505"), undefined],
  ["Prisma's own code", coded("P2010"), undefined],
  [
    "Prisma's, behind its adapter's",
    Object.assign(coded("P2010"), { meta: { driverAdapterError: { cause: { originalCode: "57P01" } } } }),
    "57P01",
  ],
  ["PL/pgSQL's RAISE", coded("P0001"), "P0001"],
  ["Sequelize's", Object.assign(new Error("no"), { original: coded("23505") }), "23505"],
  ["TypeORM's", Object.assign(new Error("no"), { driverError: coded("23505") }), "23505"],
  ["Objection's", Object.assign(new Error("no"), { nativeError: coded("23505") }), "23505"],
  ["nothing", undefined, undefined],
  ["text", "23505", undefined],
] as const)("the SQLSTATE of %s", ([, error, state]) => {
  expect(sqlState(error)).toBe(state);
});

test("an error that causes itself, or is deep, ends the search", () => {
  const circle = new Error("circle");
  circle.cause = new Error("and back", { cause: circle });
  expect(sqlState(circle)).toBeUndefined();
  let deep: Error = coded("23505");
  for (let n = 0; n < 50; n += 1) deep = new Error("outer", { cause: deep });
  expect(sqlState(deep)).toBeUndefined();
});

test.for([
  ["a refusal", coded("23514"), true],
  ["a cancelled statement", coded("57014"), true],
  ["a lock that was not to be had", coded("55P03"), true],
  ["a conflict", coded("40001"), true],
  ["a server that starts", coded("57P03"), true],
  ["too many connections", coded("53300"), true],
  ["a session that was ended", coded("57P01"), false],
  ["a crash", coded("57P02"), false],
  ["a session that idled too long", coded("57P05"), false],
  ["a lost connection", coded("08006"), false],
  ["a completion unknown", coded("40003"), false],
  ["a pooler's word for a lost server", coded("XX000"), false],
  ["a reset", coded("ECONNRESET"), false],
  ["EPIPE", coded("EPIPE"), false],
  ["postgres.js's closed connection", coded("CONNECTION_CLOSED"), false],
  ["pg's", new Error("Connection terminated unexpectedly"), false],
  ["an abort", new DOMException("aborted", "AbortError"), false],
  ["no error at all", undefined, false],
  ["nobody who listens", coded("ECONNREFUSED"), true],
  ["a name that is unknown", coded("ENOTFOUND"), true],
  [
    "nobody who listens, at several addresses",
    new AggregateError([coded("ECONNREFUSED"), coded("ECONNREFUSED")]),
    true,
  ],
  ["postgres.js's connect that took too long", coded("CONNECT_TIMEOUT"), true],
  [
    "a message that says so, in words that anybody may use",
    new Error("timeout exceeded when trying to connect"),
    false,
  ],
  ["an error that its executor has marked", notSent(new Error("no connection")), true],
  ["one that is marked, and wrapped", new Error("Failed query", { cause: notSent(new Error("no")) }), true],
  ["a pooler's word (08P01) that its executor has marked", notSent(coded("08P01")), true],
  ["fetch's address that is none", new TypeError("no", { cause: coded("ERR_INVALID_URL") }), true],
  [
    "fetch's connect that took too long",
    new TypeError("no", { cause: coded("UND_ERR_CONNECT_TIMEOUT") }),
    true,
  ],
  ["a certificate that nobody trusts", coded("DEPTH_ZERO_SELF_SIGNED_CERT"), true],
  [
    "fetch's reply that took too long",
    new TypeError("no", { cause: coded("UND_ERR_HEADERS_TIMEOUT") }),
    false,
  ],
  ["Prisma's lost connection", coded("P1017"), false],
] as const)("%s proves that nothing was written: %s", ([, error, proves]) => {
  expect(provesRollback(error)).toBe(proves);
});

test("an error that can't be marked, such as a frozen one or a text, is left as it is", () => {
  const frozen = Object.freeze(new Error("no"));
  expect(notSent(frozen)).toBe(frozen);
  expect(notSent("no")).toBe("no");
  expect(provesRollback(frozen)).toBe(false);
});

test("to wait mends no wrong password, role or address, and no database, schema, table or column that isn't there", () => {
  const futile = ["28P01", "28000", "3D000", "3F000", "42P01", "42703", "ERR_INVALID_URL"];
  const mended = ["57P03", "53300", "40001", "42501", "25006", "ECONNREFUSED", "ENOTFOUND"];
  expect(futile.filter((code) => !waitingIsFutile(coded(code)))).toEqual([]);
  expect(mended.filter((code) => waitingIsFutile(coded(code)))).toEqual([]);
  expect(waitingIsFutile(new Error("Failed query", { cause: coded("3F000") }))).toBe(true);
});

test("only a conflict is worth another try at once", () => {
  expect([coded("40001"), coded("40P01"), coded("40003"), coded("23505"), undefined].map(isConflict)).toEqual(
    [true, true, false, false, false],
  );
});

test.for([
  ["a read-only session", coded("25006"), true],
  [
    "a standby's word to what reads an unlogged table",
    Object.assign(coded("0A000"), { routine: "get_relation_info" }),
    true,
  ],
  ["another thing that is not supported", Object.assign(coded("0A000"), { routine: "transformStmt" }), false],
] as const)("whether %s is the session's fault, and an outage", ([, error, expected]) => {
  expect(endsSession(error)).toBe(expected);
  expect(isOutage(error)).toBe(expected);
});
