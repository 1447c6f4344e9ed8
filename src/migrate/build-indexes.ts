import { TableError } from "../core/errors.ts";
import type { SqlExecutor } from "../core/executor.ts";
import type { TableOptions } from "../core/sql/table-names.ts";
import { sqlState } from "../core/sql/sql-state.ts";
import {
  buildConcurrently,
  dropConcurrently,
  indexMigration,
  pythonIndexes,
  queueIndexes,
  type IndexOptions,
  type QueueIndex,
} from "./migrations.ts";
import { patience, pause, type MigrateControls } from "./retry-ddl.ts";
import { conflictFindsIndex, tableState, type TableState } from "./table-state.ts";

type Options = TableOptions & IndexOptions;

/** What is to be done next for a table's indexes, one short act or one build. */
type Step =
  | { readonly act: "wait"; readonly builder: string }
  | { readonly act: "drop"; readonly name: string }
  | { readonly act: "set aside" | "build"; readonly index: QueueIndex };

/** A build of minutes is looked at twice a second. */
const POLL_MS = 500;

/**
 * Builds the indexes that a table lacks beside its writers, and drops those
 * that are to go. One at a time: two builds on one table wait for each other's
 * snapshots until one is cancelled, and leaves an invalid index. So somebody
 * else's build is waited for between statements, where nobody waits for us.
 *
 * @throws TableError where rows contradict a unique index.
 */
export async function buildIndexes(
  executor: SqlExecutor,
  options: Options,
  controls: MigrateControls,
): Promise<void> {
  const bear = patience(controls);
  let said: string | undefined;
  for (;;) {
    controls.signal?.throwIfAborted();
    try {
      const step = await nextStep(executor, options, controls.signal);
      if (step === undefined) return;
      const line = describe(step);
      if (line !== said) controls.log?.(line);
      said = line;
      await take(step, executor, options, controls);
    } catch (error) {
      await bear(error);
    }
  }
}

async function nextStep(
  executor: SqlExecutor,
  options: Options,
  signal: AbortSignal | undefined,
): Promise<Step | undefined> {
  const state = await tableState(executor, options, signal);
  const index = await missingIndex(executor, options, state, signal);
  const leftover = uselessIndex(options, state);
  if (index === undefined && leftover === undefined) return undefined;
  if (state.builder !== undefined) return { act: "wait", builder: state.builder };
  if (index === undefined) return { act: "drop", name: leftover ?? "" };
  return { act: state.indexes.get(index.name) === false ? "set aside" : "build", index };
}

async function missingIndex(
  executor: SqlExecutor,
  options: Options,
  { indexes }: TableState,
  signal: AbortSignal | undefined,
): Promise<QueueIndex | undefined> {
  for (const index of queueIndexes(options)) {
    if (indexes.get(index.name) === true) continue;
    if (index.unique && (await conflictFindsIndex(executor, options, index, signal))) continue;
    return index;
  }
  return undefined;
}

/** An index set aside by 002, or one of the Python package's that is to go. */
function uselessIndex(options: Options, { indexes }: TableState): string | undefined {
  const unwanted = options.dropPythonIndexes === true ? pythonIndexes(options) : [];
  return [...indexes.keys()].find((name) => unwanted.includes(name) || name.startsWith("pqrun_invalid_"));
}

function describe(step: Step): string {
  switch (step.act) {
    case "wait":
      return `waiting: process ${step.builder} builds an index`;
    case "drop":
      return `dropping index ${step.name}`;
    case "set aside":
      return `setting aside index ${step.index.name}: a build of it was broken off`;
    case "build":
      return `building index ${step.index.name}`;
  }
}

async function take(
  step: Step,
  executor: SqlExecutor,
  options: Options,
  controls: MigrateControls,
): Promise<void> {
  const { signal } = controls;
  switch (step.act) {
    case "wait":
      return pause(POLL_MS, controls);
    case "drop":
      await executor.query(dropConcurrently(options, step.name), [], { signal });
      return;
    case "set aside":
      await executor.query(indexMigration(options, step.index), [], { signal });
      // Where vacuum was at work it was left where it is.
      return pause(50, controls);
    case "build":
      return build(step.index, executor, options, signal);
  }
}

async function build(
  index: QueueIndex,
  executor: SqlExecutor,
  options: Options,
  signal: AbortSignal | undefined,
): Promise<void> {
  try {
    await executor.query(buildConcurrently(options, index), [], { signal });
  } catch (error) {
    // The message of a conflict in the catalogs, which passes, names an index of theirs.
    if (sqlState(error) === "23505" && String(error).includes(index.name)) {
      throw new TableError(`rows contradict the unique index ${index.name}: two ${contradictionOf(index)}`, {
        cause: error,
      });
    }
    throw error;
  }
}

function contradictionOf({ keys }: QueueIndex): string {
  if (keys.startsWith("(dedupe_key)")) return "active jobs have one dedupe key";
  if (keys.startsWith("(idempotency_key)")) return "jobs have one idempotency key";
  return keys.startsWith("(debounce_key)") ? "waiting jobs have one debounce key" : "jobs have one tick";
}
