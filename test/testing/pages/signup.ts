// signup.ts
import { defineJob, type Handlers, type PgJobStore } from "pqrun";

export const jobs = {
  welcome: defineJob<{ userId: number }>(),
  remind: defineJob<{ userId: number }>(),
};

/** Its caller hands over the store: a test's, or the application's. */
export async function signUp(store: PgJobStore<typeof jobs>, userId: number): Promise<void> {
  await store.enqueue("welcome", { userId });
}

export const mails: string[] = [];

export const handlers: Handlers<typeof jobs> = {
  welcome: async ({ payload, job, store }) => {
    if (job.attempts === 1) throw new Error("the mail server is away");
    mails.push(`welcome, ${payload.userId}`);
    await store.enqueue("remind", payload, { delayMs: 86_400_000 });
  },
  remind: ({ payload }) => {
    mails.push(`still there, ${payload.userId}?`);
  },
};
