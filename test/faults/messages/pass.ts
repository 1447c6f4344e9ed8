/** One complete pass over a driver: every operation, every message, every point. */
import type { Client } from "pg";

import { countMessages, cutOnce, type Seen } from "./cut.ts";
import { DRIVERS, type CutDriver, type DriverName } from "./drivers.ts";
import { POINTS, type Cut, type Trace } from "./message-proxy.ts";
import { OPERATIONS } from "./operations.ts";
import { Table } from "./table.ts";

/** How often each was seen. */
export type Counts = Map<string, number>;

/** A driver and the table that its operations meet. */
export interface Place extends AsyncDisposable {
  readonly driver: CutDriver;
  readonly table: Table;
}

/** @param client connected to the database of that URL */
export async function openPlace(name: DriverName, url: string, client: Client): Promise<Place> {
  const table = await Table.open(client);
  const driver = await DRIVERS[name](url);
  return { driver, table, [Symbol.asyncDispose]: () => driver[Symbol.asyncDispose]() };
}

/** Every cut of so many messages. */
export function* cutsOf(messages: Trace["messages"]): Generator<Cut> {
  for (const direction of ["toServer", "toClient"] as const) {
    for (const index of messages[direction].keys()) {
      for (const point of POINTS) yield { direction, index, point };
    }
  }
}

/** Cuts every operation everywhere. @throws naming the operation and the cut where a promise is broken. */
export async function cutOperations({ driver, table }: Place, counts: Counts = new Map()): Promise<Counts> {
  for (const operation of OPERATIONS) {
    const messages = await countMessages(driver, table, operation);
    for (const cut of cutsOf(messages)) {
      const { state, heard } = await named(`${operation.name}, ${nameOf(cut, messages)}`, () =>
        cutOnce(driver, table, operation, cut, messages),
      );
      count(counts, `${state}, ${SAID[heard]}`);
    }
  }
  return counts;
}

const SAID: Readonly<Record<Seen["heard"], string>> = {
  answered: "answered",
  unknown: "told as unknown",
  refused: "told as refused",
};

/** One more of that. */
export function count(counts: Counts, what: string): void {
  counts.set(what, (counts.get(what) ?? 0) + 1);
}

/** What a cut is, in words. */
export function nameOf({ direction, index, point }: Cut, messages: Trace["messages"]): string {
  const type = messages[direction][index] ?? "?";
  return `${point} message ${index} (${type}) ${direction === "toServer" ? "to the server" : "to the client"}`;
}

/** As `work`; a failure says where it was. */
export async function named<T>(where: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    throw new Error(`${where}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}
