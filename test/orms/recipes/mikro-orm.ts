import { EntitySchema, MikroORM } from "@mikro-orm/postgresql";
import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { withKysely, type KyselyTransaction } from "pqrun/kysely";
import { pgExecutor } from "pqrun/pg";

const Order = new EntitySchema<{ id: number; note: string }>({
  name: "Order",
  tableName: "orders",
  properties: { id: { type: "integer", primary: true }, note: { type: "text" } },
});

const clientUrl = process.env["DATABASE_URL"] ?? "";
const orm = await MikroORM.init({ clientUrl, entities: [Order] });
const pool = new Pool({ connectionString: clientUrl });
const store = new PgJobStore(withKysely(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await orm.em.fork().transactional(async (em) => {
    await em.insert(Order, { note });
    // MikroORM 7 speaks through Kysely, whose transaction this is.
    const trx = em.getTransactionContext<KyselyTransaction>();
    if (trx !== undefined) await store.with(trx).enqueue("invoice", { note });
  });
}

export const close = async (): Promise<void> => {
  await Promise.all([orm.close(true), pool.end()]);
};
