import knexFrom, { type Knex } from "knex";

import { withKnex, type KnexTransaction } from "../../src/adapters/orm/knex.ts";
import { checks } from "./checks.ts";
import { conformance } from "./conformance.ts";
import { atEnd, ormDatabase, type Orm } from "./orm.ts";

const database = await ormDatabase();
const knex = knexFrom({ client: "pg", connection: database.url, pool: { min: 0, max: 10 } });
atEnd(() => knex.destroy());

const orm: Orm<KnexTransaction> = {
  name: "Knex",
  wrap: withKnex,
  transaction: (work) => knex.transaction(work),
  insertOrder: (trx, note) => (trx as Knex.Transaction)("orders").insert({ note }),
  pool: knex,
  resolvesRolledBackCommit: true,
};

conformance(database, orm);
checks(database, orm);
