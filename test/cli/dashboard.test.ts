import { expect, test } from "vitest";

import { runCli } from "../../src/cli/cli.ts";
import { Interruption } from "../../src/cli/command.ts";
import { tableDatabase } from "../support/table-database.ts";

/** Starts the command; `end` is Ctrl-C, and gives its exit code. */
async function start(
  url: string,
  ...args: string[]
): Promise<{ readonly url: string; readonly end: () => Promise<number>; readonly stderr: () => string }> {
  const controller = new AbortController();
  let [printed, told, said] = ["", "", (): void => undefined];
  const first = new Promise<void>((resolve) => {
    said = resolve;
  });
  const stdout = {
    write: (text: string) => {
      printed += text;
      said();
    },
  };
  const stderr = {
    write: (text: string) => {
      told += text;
    },
  };
  const env = { DATABASE_URL: url };
  const code = runCli(["dashboard", "--port", "0", ...args], {
    stdout,
    stderr,
    env,
    signal: controller.signal,
  });
  await Promise.race([first, code]);
  return {
    url: printed.trim(),
    stderr: () => told,
    end: async () => {
      controller.abort(new Interruption("SIGINT", 130));
      return await code;
    },
  };
}

test("pqrun dashboard prints a URL of this machine; without its token there is nothing, and the token is never the same", async () => {
  await using database = await tableDatabase();
  await database.migrate({ schema: "queue" });
  const one = await start(database.url, "--schema", "queue");
  const other = await start(database.url, "--schema", "queue");
  expect(one.url).toMatch(/^http:\/\/127\.0\.0\.1:\d+\/[\w-]{32}\/$/);
  const page = await fetch(one.url);
  expect([page.status, await page.text()]).toEqual([200, expect.stringContaining("queue.jobs")]);
  const { origin, pathname } = new URL(one.url);
  for (const path of ["/", "/jobs", "/x/", new URL(other.url).pathname, pathname.toUpperCase()]) {
    expect([path, (await fetch(origin + path)).status]).toEqual([path, 404]);
  }
  expect([await one.end(), await other.end()]).toEqual([0, 0]);
  await expect(fetch(one.url)).rejects.toThrow();
});

test("it acts, and with --read-only it does not", async () => {
  await using database = await tableDatabase();
  await database.migrate();
  await database.rows("INSERT INTO jobs (job_type) VALUES ('a')");
  const cancel = async (url: string): Promise<number> => {
    const headers = { "sec-fetch-site": "same-origin" };
    const body = new URLSearchParams({ what: "cancel", id: "1" });
    return (await fetch(`${url}act`, { method: "POST", headers, body, redirect: "manual" })).status;
  };
  const reading = await start(database.url, "--read-only");
  expect(await cancel(reading.url)).toBe(403);
  await reading.end();
  const acting = await start(database.url);
  expect(await cancel(acting.url)).toBe(303);
  await acting.end();
  expect(await database.rows("SELECT status FROM jobs")).toEqual([{ status: "CANCELLED" }]);
});

test.each([
  ["is unreachable", "postgres://app:s3cret@127.0.0.1:1/app", /ECONNREFUSED 127\.0\.0\.1:1/],
  ["refuses the login", undefined, /no_such_database/],
])(
  "where the database %s each page says so, and stderr, without a password",
  async (_, unreachable, says) => {
    await using database = await tableDatabase();
    const other = new URL(database.url);
    other.pathname = "/no_such_database";
    const served = await start(unreachable ?? other.href);
    for (const path of ["", "jobs", "failures", "workers", "live"]) {
      const page = await fetch(served.url + path);
      const text = await page.text();
      expect([path, page.status]).toEqual([path, 503]);
      expect(text).toMatch(says);
      expect(text).not.toContain(new URL(unreachable ?? other.href).password || "s3cret");
    }
    expect(served.stderr()).toMatch(says);
    expect(served.stderr()).not.toContain(new URL(unreachable ?? other.href).password || "s3cret");
    expect(await served.end()).toBe(0);
  },
);

test("where the table is missing each page says what to do", async () => {
  await using database = await tableDatabase();
  const served = await start(database.url);
  const page = await fetch(`${served.url}jobs`);
  expect(page.status).toBe(400);
  expect(await page.text()).toContain("pqrun migrate");
  expect(await served.end()).toBe(0);
});
