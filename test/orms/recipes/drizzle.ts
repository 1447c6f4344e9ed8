import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, serial, text } from "drizzle-orm/pg-core";
import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { withDrizzle } from "pqrun/drizzle";
import { pgExecutor } from "pqrun/pg";

const orders = pgTable("orders", { id: serial("id").primaryKey(), note: text("note").notNull() });

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const db = drizzle({ client: pool });
const store = new PgJobStore(withDrizzle(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await db.transaction(async (tx) => {
    await tx.insert(orders).values({ note });
    await store.with(tx).enqueue("invoice", { note });
  });
}

export const close = (): Promise<void> => pool.end();
