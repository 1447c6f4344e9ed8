import { serve } from "@hono/node-server";
import { Hono } from "hono";
import { pqrun } from "pqrun/hono";

import { pool, store, worker } from "./queue.ts";

const app = new Hono().use(pqrun(store)).post("/welcome", async (c) => {
  const { userId } = await c.req.json<{ userId: number }>();
  const { id } = await c.var.pqrun.enqueue("welcome", { userId });
  return c.json({ id }, 202);
});

worker.start();
const server = serve({ fetch: app.fetch, port: Number(process.env["PORT"] ?? 3000) });
process.once("SIGTERM", () => {
  server.close(() => {
    void worker.stop().then(() => pool.end());
  });
});
