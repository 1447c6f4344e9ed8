import { Kysely, PostgresDialect, type Generated } from "kysely";
import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { withKysely } from "pqrun/kysely";
import { pgExecutor } from "pqrun/pg";

interface Database {
  orders: { id: Generated<number>; note: string };
}

const pool = new Pool({ connectionString: process.env["DATABASE_URL"] });
const db = new Kysely<Database>({ dialect: new PostgresDialect({ pool }) });
const store = new PgJobStore(withKysely(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await db.transaction().execute(async (trx) => {
    await trx.insertInto("orders").values({ note }).execute();
    await store.with(trx).enqueue("invoice", { note });
  });
}

export const close = (): Promise<void> => db.destroy();
