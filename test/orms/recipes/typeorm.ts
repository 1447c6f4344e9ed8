import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { pgExecutor } from "pqrun/pg";
import { withTypeOrm } from "pqrun/typeorm";
import { DataSource, EntitySchema } from "typeorm";

const Order = new EntitySchema<{ id: number; note: string }>({
  name: "orders",
  columns: { id: { type: Number, primary: true, generated: "increment" }, note: { type: String } },
});

const url = process.env["DATABASE_URL"] ?? "";
const source = await new DataSource({ type: "postgres", url, entities: [Order] }).initialize();
const pool = new Pool({ connectionString: url });
const store = new PgJobStore(withTypeOrm(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await source.transaction(async (manager) => {
    await manager.insert(Order, { note });
    await store.with(manager).enqueue("invoice", { note });
  });
}

export const close = async (): Promise<void> => {
  await Promise.all([source.destroy(), pool.end()]);
};
