import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";

import { expect, onTestFinished, test } from "vitest";

import { withClient } from "./postgres.ts";

const SCRIPT = fileURLToPath(new URL("serving-run.ts", import.meta.url));

test.skipIf(process.platform === "win32").each(["SIGKILL", "SIGTERM", "SIGINT"] as const)(
  "a run that is ended by %s leaves no PostgreSQL and no data behind",
  async (signal) => {
    const run = spawn(process.execPath, [SCRIPT], { stdio: ["ignore", "pipe", "inherit"] });
    onTestFinished(() => void run.kill("SIGKILL"));
    const [url] = (await once(createInterface({ input: run.stdout }), "line")) as [string];
    const data = await dataFolder(url);
    expect(existsSync(data)).toBe(true);
    const ended = once(run, "exit");
    run.kill(signal);
    await ended;
    await expect.poll(() => withClient(url, () => Promise.resolve("up")).catch(codeOf)).toBe("ECONNREFUSED");
    await expect.poll(() => existsSync(data)).toBe(false);
  },
);

async function dataFolder(url: string): Promise<string> {
  return await withClient(url, async (client) => {
    const { rows } = await client.query<{ data_directory: string }>("SHOW data_directory");
    return rows[0]?.data_directory ?? "";
  });
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && "code" in error ? error.code : error;
}
