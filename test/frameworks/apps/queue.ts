// queue.ts
import { Pool } from "pg";
import { PgJobStore, Worker, defineJob, type Handlers } from "pqrun";
import { pgExecutor } from "pqrun/pg";

export const jobs = { welcome: defineJob<{ userId: number }>() };
export const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
export const store = new PgJobStore(pgExecutor(pool), { jobs });

const handlers: Handlers<typeof jobs> = {
  welcome: ({ payload }) => ({ greeted: payload.userId }),
};

export const worker = new Worker({ store, handlers, concurrency: 5 });
