import { expect, onTestFinished, test } from "vitest";

import { takes } from "../support/handlers.ts";
import { insertJobs, jobRow } from "../support/job-rows.ts";
import { testQueue } from "../support/queue.ts";
import { openTcpProxy, type TcpProxy } from "../support/tcp-proxy.ts";
import { startWorker } from "../support/test-worker.ts";
import { Wire, turnParts, untilIdle, type Statement } from "../support/wire.ts";

const queue = await testQueue();
/** As a network, or a lock, holds up one round trip. */
const STALL_MS = 1_000;

const goesOn = (sent: Statement): boolean => sent.kind === "turn" && turnParts(sent).goesOn;

/** The queue through a proxy, which ends with the test. */
async function proxied(): Promise<{ readonly far: typeof queue; readonly proxy: TcpProxy }> {
  const url = new URL(queue.url);
  const proxy = await openTcpProxy({ host: url.hostname, port: Number(url.port) });
  onTestFinished(() => proxy.close());
  url.host = `127.0.0.1:${proxy.port}`;
  return { far: { ...queue, url: url.href }, proxy };
}

const TROUBLES: readonly (readonly [string, (proxy: TcpProxy) => void])[] = [
  ["has stalled for a second", (proxy) => proxy.stallNext("toServer", STALL_MS)],
  ["needed a new connection, 30 ms away", (proxy) => (proxy.delay(30, STALL_MS), proxy.resetAll())],
];

test.for(TROUBLES)(
  "after one look that %s an idle worker still looks at all: it starts a job of another priority, and reaps",
  async ([, trouble]) => {
    const { far, proxy } = await proxied();
    await using worker = startWorker(far);
    await queue.insert();
    await worker.log.until("done");
    await untilIdle(worker.wire);
    const looks = worker.wire.turns().length;
    trouble(proxy);
    worker.worker.wake();
    await worker.wire.until(() => worker.wire.turns()[looks]?.rows ?? worker.wire.turns()[looks + 1]?.rows);
    await untilIdle(worker.wire);
    const urgent = await queue.insert({ priority: "1" });
    await worker.log.until("done", 2);
    const lost = await queue.insert({
      ...{ status: "'RUNNING'", attempts: "1", locked_at: "now()", locked_by: "'dead'" },
      ...{ lease_holder: "'dead'", lease_expires_at: "now() + interval '200 ms'" },
    });
    worker.worker.wake();
    await worker.log.until("done", 3);
    expect((await jobRow(queue, urgent))["status"]).toBe("DONE");
    expect(await jobRow(queue, lost)).toMatchObject({ status: "DONE", attempts: 2 });
    expect(worker.wire.turns().filter(goesOn)).toHaveLength(0);
  },
);

test("in a backlog, after one look at all that has stalled for a second, the next one comes as soon as ever", async () => {
  const { far, proxy } = await proxied();
  const wire = new Wire();
  const [started, stalled] = [[] as string[], Promise.withResolvers<undefined>()];
  wire.step = async (statement, send) => {
    const stalls = started.length > 100 && turnParts(statement).slots > 0 && !goesOn(statement);
    if (!stalls) return await send();
    wire.step = (_statement, sendOn) => sendOn();
    proxy.stallNext("toServer", STALL_MS);
    const rows = await send();
    stalled.resolve(undefined);
    return rows;
  };
  await insertJobs(queue, 3_000);
  const a = async (ctx: { job: { id: string }; signal: AbortSignal }): Promise<void> => {
    started.push(ctx.job.id);
    await takes(4)(ctx);
  };
  await using worker = startWorker(far, { wire, concurrency: 10, maxBuffer: 0, handlers: { a } });
  await stalled.promise;
  const before = started.length;
  const urgent = await queue.insert({ priority: "9" });
  await worker.wire.until(() => (started.includes(urgent) ? true : undefined));
  // In the twenty seconds for which it once was blind, it would have come after all the others.
  expect(started.indexOf(urgent) - before).toBeLessThan(1_500);
});
