// What is in no transaction of an ORM's does not compile.
import type { NodePgDatabase } from "drizzle-orm/node-postgres";
import type { Knex } from "knex";
import type { ControlledTransaction, Kysely, Transaction } from "kysely";
import type { Pool } from "pg";
import type { Prisma, PrismaClient } from "prisma-generated";
import type { EntityManager, QueryRunner } from "typeorm";

import { withDrizzle } from "../../src/adapters/orm/drizzle.ts";
import { withKnex } from "../../src/adapters/orm/knex.ts";
import { withKysely } from "../../src/adapters/orm/kysely.ts";
import { withPrisma } from "../../src/adapters/orm/prisma.ts";
import { withTypeOrm } from "../../src/adapters/orm/typeorm.ts";
import { pgExecutor } from "../../src/adapters/pg/pg.ts";
import { PgJobStore } from "../../src/core/store.ts";
import type { JobContext } from "../../src/runners/job/handler.ts";

type Tables = Record<"orders", { note: string }>;

export const ofDrizzle = (pool: Pool, db: NodePgDatabase): unknown => {
  const store = new PgJobStore(withDrizzle(pgExecutor(pool)));
  // @ts-expect-error -- the database itself
  store.with(db);
  // @ts-expect-error -- another driver's pool
  store.with(pool);
  return db.transaction(async (tx) => {
    await store.settleIn(tx, { id: "1", attempts: 1, lockedBy: "w" });
    await tx.transaction((savepoint) => store.with(savepoint).enqueue("a", {}));
  });
};

export const ofKysely = (
  pool: Pool,
  db: Kysely<Tables>,
  trx: Transaction<Tables>,
  controlled: ControlledTransaction<Tables>,
): unknown => {
  const store = new PgJobStore(withKysely(pgExecutor(pool)));
  // @ts-expect-error -- the database itself
  store.with(db);
  return [store.with(trx), store.with(controlled)];
};

export const ofKnex = (pool: Pool, knex: Knex, trx: Knex.Transaction): unknown => {
  const store = new PgJobStore(withKnex(pgExecutor(pool)));
  // @ts-expect-error -- Knex itself
  store.with(knex);
  return store.with(trx);
};

export const ofTypeOrm = (pool: Pool, manager: EntityManager, runner: QueryRunner): unknown => {
  const store = new PgJobStore(withTypeOrm(pgExecutor(pool)));
  // @ts-expect-error -- another driver's pool
  store.with(pool);
  return [store.with(manager), store.with(runner.manager)];
};

export const ofPrisma = (pool: Pool, prisma: PrismaClient, tx: Prisma.TransactionClient): unknown => {
  const store = new PgJobStore(withPrisma(pgExecutor(pool)));
  // @ts-expect-error -- the client itself
  store.with(prisma);
  return store.with(tx);
};

export const inHandler = (
  ctx: JobContext<Record<"a", object>, "a", Prisma.TransactionClient>,
  prisma: PrismaClient,
): unknown => prisma.$transaction((tx) => ctx.settleIn(tx));
