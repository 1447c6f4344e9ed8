// A worker or a drain in a process of its own, for tests that kill, stop or block it: its handlers do what the options
// say for their types, and it says what happens, a line each.
import { writeSync } from "node:fs";

import { Pool } from "pg";

import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { RetryAfterError, SnoozeError } from "../../src/core/errors.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { readTurn } from "../../src/core/turn/turn-answer.ts";
import { runUntilSignal } from "../../src/integrations/node.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { JobEvent } from "../../src/runners/job/job-event.ts";
import { Worker } from "../../src/runners/worker/worker.ts";
import type { Behaviour, FaultyOptions } from "./faulty-process.ts";
import { heedsItsSignal } from "./handlers.ts";
import { turnParts, Wire } from "./wire.ts";

const options = JSON.parse(process.env["FAULTY_OPTIONS"] ?? "") as FaultyOptions;
/** Written before it returns, unlike by console.log to a full pipe: what was said before a SIGKILL is heard. */
const say = (line: string): void => {
  let rest = Buffer.from(`${line}\n`);
  while (rest.length > 0) {
    try {
      rest = rest.subarray(writeSync(1, rest));
    } catch (error) {
      if (!(error instanceof Error && "code" in error && error.code === "EAGAIN")) throw error;
    }
  }
};
const never = (): Promise<never> => new Promise(() => undefined);

const wire = new Wire();
wire.step = async (statement, send) => {
  if (statement.kind !== "turn") return await send();
  const { settlements, slots } = turnParts(statement);
  say(`turn ${slots} ${settlements}`);
  if (settlements > 0 && options.holdAt === "handled") {
    say("at handled");
    return await never();
  }
  const sending = send();
  if (settlements > 0) say("at settling");
  const rows = await sending;
  if (options.holdAt === "picked up" && readTurn(rows, {}).jobs.length > 0) {
    say("at picked up");
    return await never();
  }
  return rows;
};

interface HandlerContext {
  readonly signal: AbortSignal;
  readonly payload: Readonly<Record<string, unknown>>;
}

const BEHAVIOURS: Record<Behaviour, (ctx: HandlerContext) => unknown> = {
  ends: () => ({ by: process.pid }),
  hangs: never,
  "hangs late": ({ payload }) => (Number(payload["n"]) > 200 ? never() : undefined),
  "heeds its signal": heedsItsSignal,
  "kills its process": () => {
    process.kill(process.pid, "SIGKILL");
    return never();
  },
  "ends its process": async (ctx) => {
    process.kill(process.pid, "SIGTERM");
    await heedsItsSignal(ctx);
  },
  "blocks for 3 s": () => {
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 3_000);
    return { by: process.pid };
  },
  fails: () => {
    throw new Error("no");
  },
  "retries in a minute": () => {
    throw new RetryAfterError(60_000);
  },
  "snoozes for a minute": () => {
    throw new SnoozeError(60_000);
  },
};

const { url, holdAt: _, budgetMs, handlers: behaviours, enqueue = [], ...rest } = options;
const pool = new Pool({ connectionString: url, max: 4 });
const store = new PgJobStore(wire.between(pgExecutor(pool)));
const runner = {
  ...rest,
  store,
  handlers: Object.fromEntries(Object.entries(behaviours).map(([type, how]) => [type, BEHAVIOURS[how]])),
  onEvent: ({ event, type, id, attempts }: JobEvent) => {
    say(`${event} ${type} ${id} ${String(attempts)}`);
  },
};
for (const type of enqueue) await store.enqueue(type, {});
if (budgetMs !== undefined) {
  say(JSON.stringify(await drainOnce({ ...runner, budgetMs })));
} else {
  await runUntilSignal(new Worker({ concurrency: 10, ...runner }), {
    onSignal: (name) => {
      say(`signal ${name}`);
    },
  });
  // The loop has ended, and the store is as good as before.
  await store.enqueue("after the end", {});
}
await pool.end();
