import knexFrom from "knex";
import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { withKnex } from "pqrun/knex";
import { pgExecutor } from "pqrun/pg";

const connectionString = process.env["DATABASE_URL"] ?? "";
const knex = knexFrom({ client: "pg", connection: connectionString });
// Knex has a pool of its own, whose clients it does not lend: the workers and drains use this one.
const pool = new Pool({ connectionString });
const store = new PgJobStore(withKnex(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await knex.transaction(async (trx) => {
    await trx("orders").insert({ note });
    await store.with(trx).enqueue("invoice", { note });
  });
}

export const close = async (): Promise<void> => {
  await Promise.all([knex.destroy(), pool.end()]);
};
