// A Worker that keeps its clients and stores at module level, as a server would.
import { neon } from "@neondatabase/serverless";
import { Pool } from "pg";
import { PgJobStore, Worker } from "pqrun";
import { scheduledDrain } from "pqrun/cloudflare";
import { neonExecutor } from "pqrun/neon";
import { pgExecutor } from "pqrun/pg";
import { postgresExecutor } from "pqrun/postgres";
import { JobProducer } from "pqrun/producer";
import postgres from "postgres";

const { NEON_URL = "", DATABASE_URL: connectionString = "" } = process.env;

const stores = {
  neon: new PgJobStore(neonExecutor(neon(NEON_URL))),
  // A connection for each statement, and one for whoever comes: none waits for another request's.
  "pg-once": new PgJobStore(pgExecutor(new Pool({ connectionString, maxUses: 1, max: 1_000 }))),
  pg: new PgJobStore(pgExecutor(new Pool({ connectionString }))),
  postgres: new PgJobStore(postgresExecutor(postgres(connectionString))),
};
const handlers = { quick: ({ payload }: { readonly payload: unknown }) => payload };
const constructed = [
  new Worker({ store: stores.neon, handlers }),
  new JobProducer(neonExecutor(neon(NEON_URL))),
];

export default {
  /** Enqueues one job over `/driver/n`, and answers the payload of the row with the id that it got. */
  async fetch(request: Request): Promise<Response> {
    const [, driver = "", n] = new URL(request.url).pathname.split("/");
    if (driver === "constructed") return Response.json(constructed.length);
    const store = stores[driver as keyof typeof stores];
    try {
      const { id } = await store.enqueue("quick", { n: Number(n) });
      const job = await store.get(id);
      return Response.json(job?.payload);
    } catch (error) {
      return new Response(String(error), { status: 500 });
    }
  },
  scheduled: scheduledDrain(() => ({ store: stores.neon, handlers, batchSize: 100, maxStatements: 45 })),
};
