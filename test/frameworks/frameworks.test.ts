import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import { expect, test } from "vitest";

import { freePort } from "../support/server-process.ts";
import { tableDatabase } from "../support/table-database.ts";

const root = fileURLToPath(new URL("../../", import.meta.url));

test.each(["fastify", "express", "hono", "nest"])(
  "with %s the application starts, enqueues, runs the job and ends with SIGTERM",
  { timeout: 120_000 },
  async (name) => {
    await using database = await tableDatabase();
    await database.migrate();
    const port = await freePort();
    const child = spawn(
      process.execPath,
      ["--import", "./scripts/from-source.ts", `test/frameworks/apps/with-${name}.ts`],
      { cwd: root, env: { ...process.env, DATABASE_URL: database.url, PORT: String(port) } },
    );
    let output = "";
    for (const stream of [child.stdout, child.stderr])
      stream.on("data", (text: Buffer) => {
        output += text.toString();
      });
    const ended = once(child, "close");
    const post = (): Promise<number> =>
      fetch(`http://127.0.0.1:${port}/welcome`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ userId: 42 }),
      }).then(
        ({ status }) => status,
        () => 0,
      );
    try {
      await expect.poll(post, { message: output, interval: 200 }).toBe(202);
      const results = (): Promise<unknown> =>
        database.rows("SELECT status::text, result FROM jobs WHERE status = 'DONE'");
      await expect.poll(results).toEqual([{ status: "DONE", result: { greeted: 42 } }]);
      child.kill("SIGTERM");
      const [code, signal] = (await ended) as [number | null, string | null];
      // Nest ends its process by the signal itself, once its hooks have run.
      expect([0, "SIGTERM"], output).toContain(code ?? signal);
    } finally {
      child.kill("SIGKILL");
    }
  },
);

test("Elysia's routes are called with a Request", { timeout: 120_000 }, async () => {
  await using database = await tableDatabase();
  await database.migrate();
  process.env["DATABASE_URL"] = database.url;
  const { app } = await import("./apps/with-elysia.ts");
  const { pool } = await import("./apps/queue.ts");
  try {
    const response = await app.handle(
      new Request("http://localhost/welcome", {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({ userId: 7 }),
      }),
    );
    expect(response.status).toBe(202);
    expect(await database.rows("SELECT payload FROM jobs")).toEqual([{ payload: { userId: 7 } }]);
  } finally {
    await pool.end();
  }
});
