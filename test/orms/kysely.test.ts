import { CamelCasePlugin, Kysely, PostgresDialect, type Generated, type Transaction } from "kysely";

import { withKysely, type KyselyTransaction } from "../../src/adapters/orm/kysely.ts";
import { releaseOf } from "../../scripts/orms.ts";
import { testPool } from "../support/pool.ts";
import { checks } from "./checks.ts";
import { conformance } from "./conformance.ts";
import { atEnd, ormDatabase, type Orm } from "./orm.ts";

interface Tables {
  orders: { id: Generated<number>; note: string };
}

const database = await ormDatabase();
const db = new Kysely<Tables>({
  dialect: new PostgresDialect({ pool: testPool(database.url, { max: 10 }) }),
  // It renames the columns of every answer, pqrun's too.
  plugins: [new CamelCasePlugin()],
});
atEnd(() => db.destroy());

const orm: Orm<KyselyTransaction> = {
  name: "Kysely",
  wrap: withKysely,
  transaction: (work) => db.transaction().execute(work),
  insertOrder: (trx, note) =>
    (trx as unknown as Transaction<Tables>).insertInto("orders").values({ note }).execute(),
  pool: db,
  // 0.29 rejects with an AbortedTransactionError.
  resolvesRolledBackCommit: releaseOf(process.env["PQRUN_ORMS"]) === "lowest",
};

conformance(database, orm);
checks(database, orm);
