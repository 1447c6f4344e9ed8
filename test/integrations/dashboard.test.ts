import { expect, test } from "vitest";

import type { AnyStatus } from "../../src/core/job.ts";
import { browse, textOf } from "../support/dashboard.ts";
import { pickUpOf, testQueue } from "../support/queue.ts";

const queue = await testQueue();
const { store } = queue;
const site = browse({ store, authorize: () => "full" });

const failed = (type = "'a'", error = "'Error: no ink\n  at print'"): Record<string, string> => ({
  job_type: type,
  status: "'FAILED'",
  attempts: "5",
  last_error: error,
  finished_at: "now()",
});

async function statusOf(id: string): Promise<AnyStatus | undefined> {
  return (await store.get(id))?.status;
}

test("the overview has counters, plots with their figures in words, and the types", async () => {
  for (let n = 0; n < 3; n += 1) await store.enqueue("mail", {});
  await queue.insert(failed("'print'"));
  await queue.insert({ status: "'DONE'", finished_at: "now() - interval '2 minutes'", duration_ms: "40" });
  const page = await site.page();
  expect(textOf(page)).toMatch(/Ready 3 Due 3 Oldest due [\d.]+ m?s Running 0 Failed 1 /);
  expect(textOf(page)).toMatch(
    /Types with a job .* Type Ready Due Oldest due Running Failed mail 3 3 .* print 0 0 – 0 1 /,
  );
  expect(page.match(/<svg\b/g)).toHaveLength(5);
  expect(page).toMatch(/aria-label="Jobs a minute: at most 1; done 0 at the end, enqueued \d at the end"/);
  expect(page).toMatch(/<path\s+data-plot="throughput.0"\s+d="M0\.0 [\d.]+h\.1L/);
  expect(page).toContain('<a href="./jobs/jobs?type=mail">mail</a>');
});

test("what the live script sets are the names that stand on the page, as texts", async () => {
  await store.enqueue("__proto__", {});
  await store.enqueue("<b>", {});
  const page = await site.page();
  const live = (await (await site.get("/live")).json()) as Record<
    "text" | "plot" | "label",
    Record<string, string>
  >;
  const named = (attribute: string): string[] =>
    [...page.matchAll(new RegExp(` data-${attribute}="([^"]*)"`, "g"))]
      .map(([, name = ""]) => textOf(name))
      .sort();
  for (const kind of ["text", "plot", "label"] as const) {
    expect(named(kind)).toEqual(Object.keys(live[kind]).sort());
  }
  expect(live.text).toMatchObject({ ready: "2", "ready of __proto__": "1", "ready of <b>": "1" });
});

test("jobs are filtered by the URL and come in pages, newest first", async () => {
  const ids = await Promise.all(Array.from({ length: 60 }, async () => (await store.enqueue("mail", {})).id));
  const other = await queue.insert({ job_type: "'print'", dedupe_key: "'print:7'" });
  const listed = (page: string): string[] =>
    [...page.matchAll(/href="\.\/jobs\/(\d+)"/g)].map(([, id = ""]) => id);
  const newestFirst = ids.sort((a, b) => Number(b) - Number(a));
  const first = await site.page("/jobs?type=mail");
  expect(listed(first)).toEqual(newestFirst.slice(0, 50));
  const [, next = ""] = /href="\.\/jobs(\?[^"]*)" rel="next"/.exec(first) ?? [];
  expect(listed(await site.page(`/jobs${next.replaceAll("&amp;", "&")}`))).toEqual(newestFirst.slice(50));
  for (const filter of ["key=print%3A7", `id=${other}`, "type=print&status=READY&since=1h"]) {
    expect(listed(await site.page(`/jobs?${filter}`))).toEqual([other]);
  }
  expect(textOf(await site.page("/jobs?status=RUNNING"))).toContain("No such jobs.");
  // The form shows what it was sent.
  expect(first).toMatch(/name="type" value="mail"/);
});

test("a job's page has what the row has; a job that is not there is a 404", async () => {
  const { id } = await store.enqueue("mail", { to: "a@b.c", n: 1 }, { priority: 7, dedupeKey: "mail:1" });
  const text = textOf(await site.page(`/jobs/${id}`));
  expect(text).toMatch(new RegExp(`Job ${id} READY , mail .*Attempts 0 of 5 .*Priority 7 .*Key mail:1`));
  expect(text).toContain(
    '{ "to": "a@b.c", "n": 1 }'.replace('"to": "a@b.c", "n": 1', '"n": 1, "to": "a@b.c"'),
  );
  expect((await site.get("/jobs/999")).status).toBe(404);
  expect((await site.get("/jobs/x")).status).toBe(404);
});

test("retry, cancel and run now do it to one job, say so, and are offered only where they can be done", async () => {
  const dead = await queue.insert(failed());
  expect(textOf(await site.act({ what: "retry", id: dead }))).toContain("Made READY again: 1.");
  expect(await statusOf(dead)).toBe("READY");
  expect(textOf(await site.act({ what: "cancel", id: dead }))).toContain("Cancelled: 1.");
  expect(await statusOf(dead)).toBe("CANCELLED");
  const later = await queue.insert({ run_after: "now() + interval '1 hour'" });
  expect(await site.page(`/jobs/${later}`)).toMatch(/value="cancel".*value="run"/s);
  expect(textOf(await site.act({ what: "run", id: later }))).toContain("Due now: 1.");
  const page = await site.page(`/jobs/${later}`);
  expect(page).toContain('value="cancel"');
  expect(page).not.toMatch(/value="(run|retry)"/);
  // What is finished by the time of the click is left as it is.
  const done = await queue.insert({ status: "'DONE'" });
  expect(textOf(await site.act({ what: "cancel", id: done }))).toContain("Cancelled: 0.");
});

test("a running job may be cancelled", async () => {
  const id = await queue.insert();
  await store.turn({ pickUp: pickUpOf() });
  await site.act({ what: "cancel", id });
  expect(await statusOf(id)).toBe("CANCELLED");
});

test("a retry whose key is active says which job has it", async () => {
  const dead = await queue.insert({ ...failed(), dedupe_key: "'k'" });
  const twin = await queue.insert({ dedupe_key: "'k'" });
  const text = textOf(await site.act({ what: "retry", id: dead }));
  expect(text).toContain("Made READY again: 0. Left out, as an active job has the same key: 1.");
  expect(text).toContain(`Job ${twin} has it.`);
  expect(await statusOf(dead)).toBe("FAILED");
});

test("those that are selected are acted on, and the list comes back as it was", async () => {
  const [one, two, three] = [
    await queue.insert(failed()),
    await queue.insert(failed()),
    await queue.insert(failed()),
  ];
  const fields = new URLSearchParams([
    ["what", "retry"],
    ["back", "?status=FAILED"],
    ["id", one],
    ["id", two],
  ]);
  const text = textOf(await site.act(fields));
  expect(text).toContain("Made READY again: 2.");
  expect(text).toMatch(new RegExp(`Jobs, newest first .* ${three} a FAILED 5 of 5`));
  expect([await statusOf(one), await statusOf(two), await statusOf(three)]).toEqual([
    "READY",
    "READY",
    "FAILED",
  ]);
  expect((await site.post({ what: "retry", back: "" })).status).toBe(400);
});

test("before all that match, a page says how many they are and asks; then it says what is left", async () => {
  await queue.rows(
    "INSERT INTO jobs (job_type, status, last_error) SELECT 'a', 'FAILED', 'x' FROM generate_series(1, 1200)",
  );
  const other = await queue.insert(failed("'b'"));
  const list = await site.page("/jobs?status=FAILED&type=a");
  expect(list).toContain('href="./confirm?status=FAILED&amp;type=a&amp;what=retry"');
  const asked = await site.page("/confirm?status=FAILED&type=a&what=retry");
  expect(textOf(asked)).toMatch(/Retry: 1,200 jobs .*State FAILED Type a /);
  expect(await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'READY'")).toEqual([{ n: 0 }]);
  const fields = { what: "retry", all: "1", status: "FAILED", type: "a" };
  expect(textOf(await site.act(fields))).toMatch(
    /Retry: 200 jobs .*Made READY again: 1,000\. Left, at least: 200\./,
  );
  expect(textOf(await site.act(fields))).toMatch(/Made READY again: 200\. .*None is left\./);
  expect(await statusOf(other)).toBe("FAILED");
});

test("cancel all leaves what runs alone, unless that is asked for", async () => {
  const running = await queue.insert();
  await store.turn({ pickUp: pickUpOf() });
  const ready = await queue.insert();
  await site.act({ what: "cancel", all: "1" });
  expect([await statusOf(running), await statusOf(ready)]).toEqual(["RUNNING", "CANCELLED"]);
  await site.act({ what: "cancel", all: "1", status: "RUNNING" });
  expect(await statusOf(running)).toBe("CANCELLED");
});

test("an act that can't be done to a state is none", async () => {
  const done = await queue.insert({ status: "'DONE'" });
  expect((await site.post({ what: "retry", all: "1", status: "DONE" })).status).toBe(400);
  expect(textOf(await site.page("/confirm?what=cancel&status=DONE"))).toContain("None is left.");
  expect((await site.get("/confirm?what=delete")).status).toBe(400);
  expect(await statusOf(done)).toBe("DONE");
});

test("failures are grouped by type and the first line of their error", async () => {
  await queue.insert(failed());
  const last = await queue.insert(failed("'a'", "'Error: no ink\n  at another place'"));
  await queue.insert(failed("'b'", "'Error: no paper'"));
  const page = await site.page("/failures");
  expect(textOf(page)).toMatch(
    new RegExp(
      `Error Newest Job Act a 2 Error: no ink (?:now|[\\d.]+ s ago) ${last} Retry all of a… b 1 Error: no paper `,
    ),
  );
  expect(page).toContain('href="./confirm?what=retry&amp;status=FAILED&amp;type=a"');
});

test("schedules are listed, paused, resumed and run", async () => {
  await queue.rows(
    "INSERT INTO jobs_schedules (name, job_type, cron, time_zone) VALUES ('nightly', 'report', '0 3 * * *', 'Europe/Berlin')",
  );
  expect(textOf(await site.page("/schedules"))).toMatch(
    /nightly report 0 3 \* \* \* Europe\/Berlin in [\d.]+ \w+ – – – Run now Pause/,
  );
  expect(textOf(await site.act({ what: "pause", schedule: "nightly" }))).toMatch(
    /Paused: 1\. .* paused – – – Run now Resume/,
  );
  expect(textOf(await site.act({ what: "resume", schedule: "nightly" }))).toMatch(/Resumed: 1\. .*Pause/);
  expect(textOf(await site.act({ what: "run", schedule: "nightly" }))).toContain("Jobs made: 1.");
  expect(textOf(await site.act({ what: "run", schedule: "nightly" }))).toContain("Jobs made: 0.");
  expect(await queue.rows("SELECT job_type, schedule FROM jobs")).toEqual([
    { job_type: "report", schedule: "nightly" },
  ]);
});

test("workers that run or wait are listed", async () => {
  await queue.rows(
    "INSERT INTO jobs_waiting (worker, until) VALUES ('sleeper', now() + interval '1 minute')",
  );
  await queue.insert();
  await store.turn({ pickUp: pickUpOf({ lockedBy: "busy:1" }) });
  const text = textOf(await site.page("/workers"));
  expect(text).toMatch(/busy\S* 1 (?:now|[\d.]+ s ago) in [\d.]+ s – /);
  expect(text).toMatch(/sleeper 0 – – in [\d.]+ s/);
});

test("each act is told to onAction, with the request that asked for it", async () => {
  const told: unknown[] = [];
  const audited = browse({
    store,
    authorize: () => "full",
    onAction: ({ c, ...action }) => void told.push({ ...action, path: c.req.path }),
  });
  const id = await queue.insert(failed());
  await audited.act({ what: "retry", id });
  await queue.rows("INSERT INTO jobs_schedules (name, job_type, cron) VALUES ('s', 'a', '@daily')");
  await audited.act({ what: "pause", schedule: "s" });
  expect(told).toEqual([
    { what: "retry", ids: [id], path: "/admin/jobs/act" },
    { what: "pause", ids: [], schedule: "s", path: "/admin/jobs/act" },
  ]);
});
