import { neon } from "@neondatabase/serverless";
import { drizzle } from "drizzle-orm/neon-http";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import { PgJobStore } from "pqrun";
import { drizzleStatement } from "pqrun/drizzle";
import { neonExecutor } from "pqrun/neon";

const orders = pgTable("orders", { id: serial("id").primaryKey(), note: text("note").notNull() });

const sql = neon(process.env["DATABASE_URL"] ?? "");
const db = drizzle({ client: sql });
const store = new PgJobStore(neonExecutor(sql), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  const enqueue = await store.enqueueStatement("invoice", { note });
  await db.batch([db.insert(orders).values({ note }), db.execute(drizzleStatement(enqueue))]);
}

export const close = (): Promise<void> => Promise.resolve();
