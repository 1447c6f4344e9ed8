import Fastify from "fastify";

import { pool, store, worker } from "./queue.ts";

const app = Fastify();
app.addHook("onReady", () => worker.start());
app.addHook("onClose", async () => {
  await worker.stop();
  await pool.end();
});
app.post<{ Body: { userId: number } }>("/welcome", async (request, reply) => {
  const { id } = await store.enqueue("welcome", { userId: request.body.userId });
  return await reply.code(202).send({ id });
});

await app.listen({ port: Number(process.env["PORT"] ?? 3000) });
process.once("SIGTERM", () => void app.close());
