import { Pool } from "pg";
import { PgJobStore, executor, type SqlExecutor, type SqlRow } from "pqrun";
import { pgExecutor } from "pqrun/pg";
import { QueryTypes, Sequelize, type Transaction } from "sequelize";

const url = process.env["DATABASE_URL"] ?? "";
const sequelize = new Sequelize(url, { logging: false });
const pool = new Pool({ connectionString: url });
const store = new PgJobStore(pgExecutor(pool), { schema: "pqrun" });

/** pqrun's statements in a transaction of Sequelize's. */
const inside = (transaction: Transaction): SqlExecutor =>
  executor({
    query: async (text, bind = []) =>
      await sequelize.query<SqlRow>(text, { bind: [...bind], transaction, type: QueryTypes.SELECT }),
  });

export async function order(note: string): Promise<void> {
  await sequelize.transaction(async (transaction) => {
    await sequelize.query("INSERT INTO orders (note) VALUES ($1)", { bind: [note], transaction });
    await store.with(inside(transaction)).enqueue("invoice", { note });
  });
}

export const close = async (): Promise<void> => {
  await Promise.all([sequelize.close(), pool.end()]);
};
