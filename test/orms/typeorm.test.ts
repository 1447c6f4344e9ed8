import { DataSource, EntitySchema, type EntityManager } from "typeorm";

import { withTypeOrm, type TypeOrmManager } from "../../src/adapters/orm/typeorm.ts";
import { checks } from "./checks.ts";
import { conformance } from "./conformance.ts";
import { atEnd, ormDatabase, type Orm } from "./orm.ts";

const Order = new EntitySchema<{ id: number; note: string }>({
  name: "orders",
  columns: { id: { type: Number, primary: true, generated: "increment" }, note: { type: String } },
});

const database = await ormDatabase();
const source = new DataSource({
  type: "postgres",
  url: database.url,
  poolSize: 10,
  entities: [Order],
});
await source.initialize();
atEnd(() => source.destroy());

const orm: Orm<TypeOrmManager> = {
  name: "TypeORM",
  wrap: withTypeOrm,
  transaction: (work) => source.transaction(work),
  insertOrder: (manager, note) => (manager as EntityManager).insert(Order, { note }),
  pool: source.manager,
  resolvesRolledBackCommit: true,
};

conformance(database, orm);
checks(database, orm);
