import type { UntypedJobs } from "../../src/core/contract.ts";
import { defineSchedules } from "../../src/core/schedules/define-schedules.ts";
import { ScheduleStore } from "../../src/core/schedules/schedule-store.ts";
import { drainOnce } from "../../src/runners/drain/drain-once.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";
import { equal, ok } from "./assert.ts";
import { queueOf } from "./queue.ts";
import type { Promises } from "./subject.ts";

const BUDGET = { budgetMs: 25_000 };

/** What schedules promise over any driver. */
export function schedulePromises<Tx>(promise: Promises<Tx>): void {
  promise("a schedule that SQL has inserted is served by a drain, its tick once", [], async (bench) => {
    const { store } = queueOf(bench);
    await bench.sql(
      `INSERT INTO ${bench.names.schedules} (name, job_type, cron, tick_as, next_tick)
       VALUES ('ü🐘', 'a', '@yearly', 'at', date_trunc('second', now() - interval '1 minute'))`,
    );
    try {
      const seen: string[] = [];
      const handlers = {
        a: ({ payload, job }: JobContext<UntypedJobs, string>): void => {
          const { at } = payload as { readonly at: string };
          seen.push(`${job.schedule} ${new Date(at).getTime() - (job.scheduledFor?.getTime() ?? 0)}`);
        },
      };
      const report = await drainOnce({ store, handlers, ...BUDGET });
      equal([report.done, report.stoppedBy, seen], [1, "empty", ["ü🐘 0"]]);
      ok((report.nextDueInMs ?? 0) > 60_000, "the next tick counts as what is due next");
      equal((await drainOnce({ store, handlers, ...BUDGET })).done, 0);
    } finally {
      await bench.sql(`DELETE FROM ${bench.names.schedules}`);
    }
  });

  promise("schedules are declared, listed, paused, run and deleted", [], async (bench) => {
    const { store } = queueOf(bench);
    const keeper = new ScheduleStore(bench.executor, { ...bench.table, logger: false });
    const schedules = defineSchedules({
      declared: { job: "a", cron: "0 3 * * *", timeZone: "Asia/Seoul", payload: { text: "ü'🐘" } },
    });
    try {
      await drainOnce({ store, handlers: { a: () => undefined }, schedules, owner: "one", ...BUDGET });
      await keeper.schedule("by hand", { job: "a", cron: "*/5 * * * * *" });
      const listed = await keeper.schedules();
      equal(
        listed.map(({ name, owner, timeZone, payload }) => [name, owner, timeZone, payload]),
        [
          ["by hand", null, "UTC", {}],
          ["declared", "one", "Asia/Seoul", { text: "ü'🐘" }],
        ],
      );
      ok(
        listed.every(({ nextTick }) => nextTick instanceof Date),
        "each has a next tick",
      );
      equal(await keeper.pauseSchedule("by hand"), true);
      equal(await keeper.resumeSchedule("by hand"), true);
      ok((await keeper.runSchedule("declared")) !== null, "a run makes a job");
      equal(await keeper.unschedule("by hand"), true);
      const [first, second] = await keeper.nextTicks("* * * * *", { count: 2 });
      equal((second?.getTime() ?? 0) - (first?.getTime() ?? 0), 60_000);
    } finally {
      await bench.sql(`DELETE FROM ${bench.names.schedules}`);
    }
  });
}
