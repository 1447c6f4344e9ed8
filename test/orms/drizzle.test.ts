import { drizzle } from "drizzle-orm/node-postgres";
import { pgTable, serial, text } from "drizzle-orm/pg-core";

import { withDrizzle, type DrizzleTransaction } from "../../src/adapters/orm/drizzle.ts";
import { testPool } from "../support/pool.ts";
import { checks } from "./checks.ts";
import { conformance } from "./conformance.ts";
import { atEnd, ormDatabase, type Orm } from "./orm.ts";

const orders = pgTable("orders", { id: serial().primaryKey(), note: text().notNull() });

const database = await ormDatabase();
const pool = testPool(database.url, { max: 10 });
const db = drizzle({ client: pool });
// Not waited for: of a transaction that could not even begin, Drizzle 0.45.0 keeps the client.
atEnd(() => {
  void pool.end();
});

type Tx = Parameters<Parameters<typeof db.transaction>[0]>[0];

const orm: Orm<DrizzleTransaction> = {
  name: "Drizzle over pg",
  wrap: withDrizzle,
  transaction: (work) => db.transaction(work),
  insertOrder: (tx, note) => (tx as Tx).insert(orders).values({ note }),
  pool: db,
  resolvesRolledBackCommit: true,
};

conformance(database, orm);
checks(database, orm);
