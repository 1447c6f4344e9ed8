import { Elysia } from "elysia";

import { store } from "./queue.ts";

/** Elysia's routes are Fetch's; Bun serves them. */
export const app = new Elysia().post("/welcome", async ({ body, set }) => {
  const { userId } = body as { userId: number };
  set.status = 202;
  return { id: (await store.enqueue("welcome", { userId })).id };
});
