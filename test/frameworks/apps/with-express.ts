import express from "express";

import { pool, store, worker } from "./queue.ts";

const app = express();
app.use(express.json());
app.post("/welcome", async (request, response) => {
  const { userId } = request.body as { userId: number };
  const { id } = await store.enqueue("welcome", { userId });
  response.status(202).json({ id });
});

worker.start();
const server = app.listen(Number(process.env["PORT"] ?? 3000));
process.once("SIGTERM", () => {
  server.close(() => {
    void worker.stop().then(() => pool.end());
  });
});
