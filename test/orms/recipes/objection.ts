import knexFrom from "knex";
import { Model } from "objection";
import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { withKnex } from "pqrun/knex";
import { pgExecutor } from "pqrun/pg";

class Order extends Model {
  static override readonly tableName = "orders";
  declare readonly id: number;
  declare readonly note: string;
}

const connectionString = process.env["DATABASE_URL"] ?? "";
const knex = knexFrom({ client: "pg", connection: connectionString });
Model.knex(knex);
const pool = new Pool({ connectionString });
const store = new PgJobStore(withKnex(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await Order.transaction(async (trx) => {
    await Order.query(trx).insert({ note });
    await store.with(trx).enqueue("invoice", { note });
  });
}

export const close = async (): Promise<void> => {
  await Promise.all([knex.destroy(), pool.end()]);
};
