import { fileURLToPath } from "node:url";

import type { Context, Page } from "playwright-core";
import { afterAll, afterEach, beforeEach, expect, test } from "vitest";

import { pickUpOf, testQueue } from "../support/queue.ts";
import { axeOf, complaintsOf, startBrowser } from "./chromium.ts";
import { fill, serveSite } from "./site.ts";

const queue = await testQueue();
const url = await serveSite(queue);
const browser = await startBrowser();
afterAll(() => browser.close());

let context: Context;
let page: Page;
let complaints: readonly string[];

async function open(options: Parameters<typeof browser.newContext>[0] = {}): Promise<Page> {
  context = await browser.newContext(options);
  page = await context.newPage();
  complaints = complaintsOf(page);
  return page;
}

beforeEach(async () => {
  await fill(queue);
});
afterEach(async () => {
  // Whatever a test does, neither its script nor its policy has anything to complain of.
  expect(complaints).toEqual([]);
  await context.close();
});

const text = async (selector: string): Promise<string> =>
  (await page.locator(selector).first().textContent())?.trim() ?? "";
const newest = async (status: string): Promise<string> => {
  const [row] = await queue.rows("SELECT max(id)::text AS id FROM jobs WHERE status = $1::job_status", [
    status,
  ]);
  return String(row?.["id"]);
};
const statusOf = async (id: string): Promise<string | undefined> => (await queue.store.get(id))?.status;

test("the overview's figures and plots follow the queue while it is open, and stop when they are told to", async () => {
  await open();
  await page.goto(`${url}/admin`);
  expect(await text('[data-text="ready"]')).toBe("24");
  const path = await page.locator('[data-plot="depth.0"]').first().getAttribute("d");
  await queue.store.enqueueMany(Array.from({ length: 9 }, () => ({ type: "summarize", payload: {} })));
  await expect.poll(() => text('[data-text="ready"]')).toBe("33");
  await expect.poll(() => page.locator('[data-plot="depth.0"]').first().getAttribute("d")).not.toBe(path);
  await page.getByRole("button", { name: "Stop updates" }).click();
  expect(await page.getByRole("button", { name: "Stop updates" }).getAttribute("aria-pressed")).toBe("true");
  // A type that the page has no row for is said, not drawn.
  await page.getByRole("button", { name: "Stop updates" }).click();
  await queue.store.enqueue("another", {});
  await expect.poll(() => page.getByRole("link", { name: "look again" }).count()).toBe(1);
});

test("filter, open a failed job, retry it, cancel it", async () => {
  await open();
  await page.goto(`${url}/admin/jobs`);
  await page.getByLabel("State").selectOption("FAILED");
  await page.getByLabel("Type").fill("embed");
  await page.getByRole("button", { name: "Show" }).click();
  expect(page.url()).toContain("status=FAILED&type=embed");
  expect(await page.locator("tbody tr").count()).toBe(14);
  const id = await newest("FAILED");
  await page.getByRole("link", { name: id, exact: true }).click();
  expect(await text("h1")).toBe(`Job ${id}`);
  expect(await text("main")).toContain("Bees & <b>wasps</b>");
  await page.getByRole("button", { name: "Retry" }).click();
  expect(await text('[role="status"]')).toContain("Made READY again: 1.");
  expect(await statusOf(id)).toBe("READY");
  await page.getByRole("button", { name: "Cancel" }).click();
  expect(await text('[role="status"]')).toContain("Cancelled: 1.");
  expect(await statusOf(id)).toBe("CANCELLED");
});

test("before all that match, a page asks; a job that comes meanwhile is not of another type's", async () => {
  await open();
  await page.goto(`${url}/admin/failures`);
  await page.getByRole("link", { name: "Retry all of embed…" }).first().click();
  expect(await text("h1")).toBe("Retry: 14 jobs");
  expect((await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'FAILED'"))[0]).toEqual({
    n: 14,
  });
  await page.getByRole("button", { name: "Retry these jobs" }).click();
  expect(await text('[role="status"]')).toContain("Made READY again: 14.");
  expect((await queue.rows("SELECT count(*)::int AS n FROM jobs WHERE status = 'FAILED'"))[0]).toEqual({
    n: 0,
  });
});

test("by keyboard alone: to the content, to the filter, to a job, and cancelled", async () => {
  await open();
  await page.goto(`${url}/admin/jobs`);
  const focused = (): Promise<unknown> =>
    page.evaluate(
      "(document.activeElement.labels?.[0] ?? document.activeElement).textContent.trim().split(/\\s/)[0]",
    );
  const tabTo = async (name: string): Promise<void> => {
    for (let presses = 0; (await focused()) !== name; presses += 1) {
      if (presses > 60) throw new Error(`no ${name} within ${presses} presses of Tab`);
      await page.keyboard.press("Tab");
    }
  };
  await page.keyboard.press("Tab");
  expect(await focused()).toBe("To");
  await page.keyboard.press("Enter");
  await tabTo("Key");
  await page.keyboard.type("summarize:7");
  await page.keyboard.press("Enter");
  await expect.poll(() => page.locator("tbody tr").count()).toBe(1);
  const id = (await text("tbody th")).trim();
  await tabTo(id);
  await page.keyboard.press("Enter");
  await expect.poll(() => text("h1")).toBe(`Job ${id}`);
  await tabTo("Cancel");
  await page.keyboard.press("Enter");
  await expect.poll(() => text('[role="status"]')).toContain("Cancelled: 1.");
  expect(await statusOf(id)).toBe("CANCELLED");
});

test("without JavaScript everything works but the figures that move", async () => {
  await open({ javaScriptEnabled: false });
  await page.goto(`${url}/admin/`);
  expect(await text('[data-text="ready"]')).toBe("24");
  expect(await page.getByRole("button", { name: "Stop updates" }).count()).toBe(0);
  await page.goto(`${url}/admin/jobs?status=FAILED`);
  const id = await newest("FAILED");
  await page.getByLabel(`Select job ${id}`).check();
  await page.getByRole("button", { name: "Retry" }).click();
  expect(await text('[role="status"]')).toContain("Made READY again: 1.");
  expect(await statusOf(id)).toBe("READY");
  await page.goto(`${url}/admin/schedules`);
  await page.getByRole("button", { name: "Pause: sweep" }).click();
  await page.getByRole("button", { name: "Resume: sweep" }).click();
  await page.getByRole("button", { name: "Run now: sweep" }).click();
  expect(await text('[role="status"]')).toContain("Jobs made: 1.");
});

test("a form of another site is refused", async () => {
  await open();
  const id = await newest("FAILED");
  await page.goto(`${url.replace("127.0.0.1", "localhost")}/elsewhere/${id}`);
  await page.getByRole("button", { name: "Win" }).click();
  await expect.poll(() => text("body")).toBe("The dashboard has not sent this form.");
  expect(await statusOf(id)).toBe("FAILED");
  complaints = [];
});

test("a viewer looks and is offered nothing; a stranger is shown nothing", async () => {
  await open();
  for (const path of [
    "",
    "/jobs",
    `/jobs/${await newest("FAILED")}`,
    "/failures",
    "/schedules",
    "/workers",
  ]) {
    await page.goto(`${url}/viewer${path}`);
    expect(await page.locator('form[method="post"]').count()).toBe(0);
  }
  await page.goto(`${url}/stranger`);
  expect(await text("body")).toBe("You have no access to this dashboard.");
  complaints = [];
});

test.for(["light", "dark"] as const)("axe finds nothing on any page, %s", async (colorScheme) => {
  await open({ colorScheme });
  await queue.store.turn({ pickUp: pickUpOf({ types: ["summarize"], slots: 3, lockedBy: "web-2:1" }) });
  const failed = await newest("FAILED");
  const pages = [
    ...[
      "",
      "/jobs",
      "/jobs?status=FAILED",
      "/jobs?type=none",
      `/jobs/${failed}`,
      `/jobs/${failed}?did=retry&n=1`,
    ],
    ...[`/jobs/${await newest("RUNNING")}`, "/jobs/0", "/failures", "/schedules", "/workers"],
    "/confirm?what=retry&status=FAILED&type=embed",
  ];
  for (const path of pages) {
    await page.goto(`${url}/admin${path}`);
    const { found, passed } = await axeOf(page);
    expect([path, found]).toEqual([path, []]);
    expect(passed).toBeGreaterThan(15);
  }
  // The job that is not there is a 404, which the console says.
  complaints = complaints.filter((complaint) => !complaint.includes("404"));
});

test("on a narrow screen no page is wider than it", async () => {
  await open({ viewport: { width: 360, height: 740 } });
  for (const path of [
    "",
    "/jobs",
    `/jobs/${await newest("FAILED")}`,
    "/failures",
    "/schedules",
    "/workers",
  ]) {
    await page.goto(`${url}/admin${path}`);
    expect([path, await page.evaluate("document.documentElement.scrollWidth")]).toEqual([path, 360]);
  }
});

// Written where the command is asked for them: `npm run test:browser -- --screenshots`.
test.runIf(process.env["SCREENSHOTS"] === "1").for(["light", "dark"] as const)(
  "screenshots, %s",
  async (colorScheme) => {
    await open({ colorScheme, viewport: { width: 1200, height: 900 } });
    await queue.store.turn({ pickUp: pickUpOf({ types: ["summarize"], slots: 3, lockedBy: "web-2:1" }) });
    const shots = { overview: "", failures: "/failures", job: `/jobs/${await newest("FAILED")}` };
    for (const [name, path] of Object.entries(shots)) {
      await page.goto(`${url}/admin${path}`);
      const file = fileURLToPath(new URL(`../../docs/dashboard/${name}-${colorScheme}.png`, import.meta.url));
      await page.screenshot({ path: file, fullPage: true });
    }
  },
);
