import { EventEmitter } from "node:events";

import { afterEach, beforeEach, expect, test, vi } from "vitest";

import { AbandonedSessions } from "../../src/adapters/pg/pg-abandoned.ts";
import type { PgPool, PgPoolClient } from "../../src/adapters/pg/pg-driver.ts";
import { LentClient } from "../../src/adapters/pg/checked-out-client.ts";

/** A client whose server says nothing, and which can't cancel: it has no connection. */
class SilentClient extends EventEmitter {
  _poolUseCount: number | undefined;
  readonly closed: boolean[] = [];

  readonly release = (destroy = false): void => {
    this.closed.push(destroy);
  };

  query(): Promise<never> {
    return new Promise(() => undefined);
  }
}

interface TestPool extends PgPool {
  waitingCount: number;
  ending: boolean;
}

let pool: TestPool;
let sessions: AbandonedSessions;
beforeEach(() => {
  vi.useFakeTimers();
  pool = { connect: () => Promise.reject(new Error("none")), totalCount: 0, waitingCount: 0, ending: false };
  sessions = new AbandonedSessions(pool);
});
afterEach(() => {
  expect(vi.getTimerCount()).toBe(0);
  vi.useRealTimers();
});

function keep(text?: string): SilentClient {
  const client = new SilentClient();
  sessions.keep(new LentClient(client), text);
  return client;
}

const isOpen = (client: SilentClient): boolean => client.closed.length === 0;

test.each(["drain", "end", "error"])(
  "a session keeps its place until it has said %s, and is closed then",
  async (event) => {
    const client = keep();
    await vi.advanceTimersByTimeAsync(3_600_000);
    expect(isOpen(client)).toBe(true);
    client.emit(event, new Error(event));
    expect(client.closed).toEqual([true]);
    client.emit("error", new Error("late"));
  },
);

test("while somebody waits, the oldest is closed after two minutes, and the next after four", async () => {
  const clients = [keep(), keep(), keep()];
  pool.waitingCount = 1;
  await vi.advanceTimersByTimeAsync(119_000);
  expect(clients.map(isOpen)).toEqual([true, true, true]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(clients.map(isOpen)).toEqual([false, true, true]);
  await vi.advanceTimersByTimeAsync(238_000);
  expect(clients.map(isOpen)).toEqual([false, true, true]);
  await vi.advanceTimersByTimeAsync(2_000);
  expect(clients.map(isOpen)).toEqual([false, false, true]);
  pool.ending = true;
  await vi.advanceTimersByTimeAsync(200);
  expect(clients.map(isOpen)).toEqual([false, false, false]);
});

test("an answer to the same text that was sent later shows which ones are silent", async () => {
  const [first, other] = [keep("turn"), keep("extend")];
  const sentAt = sessions.count;
  const later = keep("turn");
  sessions.answered("turn", sentAt);
  await vi.advanceTimersByTimeAsync(1_200);
  expect([first, other, later].map(isOpen)).toEqual([false, true, true]);
  for (const client of [other, later]) client.emit("end");
});

test("what was open with a silent one is not trusted, unless it has answered since; nor is it before a second", async () => {
  const [before, since, fresh] = [new SilentClient(), new SilentClient(), new SilentClient()];
  for (const client of [before, since]) client._poolUseCount = 1;
  const suspects = (): readonly boolean[] =>
    [before, since, fresh].map((client) => sessions.suspects(client as unknown as PgPoolClient));
  expect(suspects()).toEqual([false, false, false]);
  const silent = keep();
  sessions.returned(since);
  expect(suspects()).toEqual([false, false, false]);
  await vi.advanceTimersByTimeAsync(1_500);
  expect(suspects()).toEqual([true, false, false]);
  silent.emit("drain");
  expect(suspects()).toEqual([false, false, false]);
});
