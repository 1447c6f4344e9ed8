/** One operation, cut once: what its caller hears, and what is in the table afterwards. */
import assert from "node:assert/strict";
import { isDeepStrictEqual } from "node:util";

import { isPqrunError } from "../../../src/core/errors.ts";
import { PgJobStore } from "../../../src/core/store.ts";
import { provesRollback } from "../../../src/core/sql/sql-state.ts";
import type { CutDriver } from "./drivers.ts";
import type { Cut, Trace } from "./message-proxy.ts";
import type { Operation, State } from "./operations.ts";
import type { Table } from "./table.ts";

/** Longest wait for anything: a hang fails. */
const LIMIT_MS = 60_000;

/** What was seen. */
export interface Seen {
  readonly state: State;
  readonly heard: "answered" | "unknown" | "refused";
}

/** What an operation says and hears where nothing is cut. */
export async function countMessages(
  driver: CutDriver,
  table: Table,
  operation: Operation,
): Promise<Trace["messages"]> {
  const { trace, seen } = await run(driver, table, operation);
  assert.deepEqual(seen, { state: "happened", heard: "answered" });
  assert.equal(trace.runs, 1);
  return trace.messages;
}

/** Cuts it there. @throws AssertionError where a promise is broken. */
export async function cutOnce(
  driver: CutDriver,
  table: Table,
  operation: Operation,
  cut: Cut,
  messages: Trace["messages"],
): Promise<Seen> {
  const { trace, seen, error } = await run(driver, table, operation, cut);
  assert.notEqual(trace.cutAt, undefined, "nothing was cut");
  assert.ok(trace.runs <= 1, `the statement was sent ${trace.runs} times`);
  const wholeAnswer =
    cut.direction === "toClient" && cut.point === "after" && cut.index === messages.toClient.length - 1;
  // A reset takes along what its receiver has not read yet: a whole answer may still be none.
  if (wholeAnswer) assert.notEqual(seen.heard, "refused", String(error));
  else assert.notEqual(seen.heard, "answered", "it was answered without an answer");
  // The server has what reached it whole, and carries it out whatever becomes of its client.
  const open = driver.cancels && cut.direction === "toServer" && trace.commits;
  if (!open) assert.equal(seen.state, trace.commits ? "happened" : "not happened");
  if (seen.heard === "refused")
    assert.equal(seen.state, "not happened", `denied although it happened: ${String(error)}`);
  return seen;
}

async function run(
  driver: CutDriver,
  table: Table,
  operation: Operation,
  cut?: Cut,
): Promise<{ readonly trace: Trace; readonly seen: Seen; readonly error: unknown }> {
  const store = new PgJobStore(driver.executor);
  await table.empty();
  // The session is open, and what it may prepare is prepared.
  await limited("a session", rehearse(operation, table, store));
  await table.empty();
  const trial = await operation.begin(table);
  const before = await table.image();
  const trace = driver.proxy.arm(cut);
  const { heard, error } = await limited("an answer", hear(trial.act(store)));
  await limited("the server", quiet(driver, table, trace));
  driver.proxy.arm();
  const state = stateOf(operation, await table.summary(), before === (await table.image()));
  await trial.follows?.(state);
  return { trace, seen: { state, heard }, error };
}

async function rehearse(operation: Operation, table: Table, store: PgJobStore): Promise<void> {
  const trial = await operation.begin(table);
  await trial.act(store);
}

async function hear(
  acting: Promise<unknown>,
): Promise<{ readonly heard: Seen["heard"]; readonly error?: unknown }> {
  try {
    await acting;
    return { heard: "answered" };
  } catch (error) {
    if (isPqrunError(error, "unknown-outcome")) return { heard: "unknown", error };
    if (provesRollback(error)) return { heard: "refused", error };
    throw error;
  }
}

function stateOf({ happened }: Operation, summary: readonly string[], untouched: boolean): State {
  if (untouched) return "not happened";
  assert.ok(isDeepStrictEqual(summary, happened), `neither happened nor not: ${summary.join(", ")}`);
  return "happened";
}

async function quiet(driver: CutDriver, table: Table, trace: Trace): Promise<void> {
  while (!(await driver.isQuiet(trace, () => table.sessions())))
    await new Promise((resolve) => setImmediate(resolve));
}

/** As `work`, or a failure that names what did not come. */
export async function limited<T>(what: string, work: Promise<T>, ms = LIMIT_MS): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new Error(`${what} did not come within ${ms} ms`));
    }, ms);
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
