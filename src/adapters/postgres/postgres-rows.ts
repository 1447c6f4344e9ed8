import { InvalidInputError } from "../../core/errors.ts";
import type { SqlRow } from "../../core/executor.ts";
import type { PostgresClient, PostgresClientOptions, PostgresQuery } from "./postgres-driver.ts";

/** PostgreSQL's number for the type `text`. */
const TEXT = 25;
/** Without taking U+FEFF at the beginning of a text for a mark. */
const utf8 = new TextDecoder("utf-8", { ignoreBOM: true });

/** Waits for a query, and reads its rows. */
export type ReadRows = (query: PostgresQuery) => Promise<SqlRow[]>;

/**
 * How rows are read of which each column is text, whatever the client's owner has values and rows made into
 * (`transform`, a parser of text): as the bytes that came. Where he has nothing of that kind, as values, which costs less.
 *
 * @throws InvalidInputError for a client that turns text, or a row as an array, into what can't be read back.
 */
export function textReader({ options }: PostgresClient): ReadRows {
  checkText(options);
  checkRows(options);
  return async (query) => {
    // Asked each time, since an ORM may set parsers later.
    const { transform, parsers } = options ?? {};
    const asTheyCame = [transform?.value?.from, transform?.row?.from, parsers?.[TEXT]].every(isNothing);
    if (asTheyCame) return await readValues(query);
    const rows = await query.raw();
    return toRows(rows, (row) => cells(row).map(decoded));
  };
}

/** Reads an application's own rows, as the client's owner has them made. */
export async function readValues(query: PostgresQuery): Promise<SqlRow[]> {
  return toRows(await query.values(), cells);
}

type Values = Awaited<ReturnType<PostgresQuery["values"]>>;

function toRows(values: Values, cellsOf: (row: unknown) => readonly unknown[]): SqlRow[] {
  const names = values.columns?.map(({ name }) => name) ?? [];
  // Where a connection was lost in mid-answer, the driver goes on counting rows in the next one's first answer, so
  // that holes come before its rows: `flatMap` leaves them out, `map` would keep them.
  return values.flatMap((row) => [
    Object.fromEntries(cellsOf(row).map((value, index) => [names[index] ?? String(index), value])),
  ]);
}

/** A row that went through `transform.row` as an array may have become an object with its indexes. */
function cells(row: unknown): readonly unknown[] {
  return Array.isArray(row) ? (row as readonly unknown[]) : Object.values(row as object);
}

function decoded(cell: unknown): string | null {
  return cell instanceof Uint8Array ? utf8.decode(cell) : null;
}

function isNothing(value: unknown): boolean {
  return value === undefined || value === null;
}

/** Parameters that are text go through its serializer. */
function checkText(options: PostgresClientOptions | undefined): void {
  const serialize = options?.serializers?.[TEXT];
  if (typeof serialize !== "function") return;
  const sample = "pqrun";
  if (outcome(() => (serialize as (text: string) => unknown)(sample)) === sample) return;
  throw new InvalidInputError(
    "sql",
    "a client that sends text as it is (types: to 25)",
    "a serializer of text",
  );
}

/** The driver has each row go through `transform.row`, and gives nobody what it was before. */
function checkRows(options: PostgresClientOptions | undefined): void {
  const from = options?.transform?.row?.from;
  if (typeof from !== "function") return;
  // More than ten, so that an order of texts ("10" before "2") shows.
  const sample = Array.from({ length: 12 }, (_, index) => (index === 5 ? null : Uint8Array.of(index)));
  const made = outcome(() => (from as (row: unknown) => unknown)([...sample]));
  const back = typeof made === "object" && made !== null ? cells(made) : [];
  if (back.length === sample.length && sample.every((cell, index) => back[index] === cell)) return;
  throw new InvalidInputError(
    "sql",
    "a client without transform.row, or with one that keeps a row's values and their order: make one for pqrun",
    "a client with transform.row",
  );
}

function outcome(make: () => unknown): unknown {
  try {
    return make();
  } catch {
    return undefined;
  }
}
