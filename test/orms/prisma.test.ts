import { PrismaPg } from "@prisma/adapter-pg";
import { PrismaClient, type Prisma } from "prisma-generated";

import { withPrisma, type PrismaTransaction } from "../../src/adapters/orm/prisma.ts";
import { checks } from "./checks.ts";
import { conformance } from "./conformance.ts";
import { atEnd, ormDatabase, type Orm } from "./orm.ts";

const database = await ormDatabase();
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString: database.url, max: 10 }) });
atEnd(() => prisma.$disconnect());

const orm: Orm<PrismaTransaction> = {
  name: "Prisma",
  wrap: withPrisma,
  transaction: (work) => prisma.$transaction(work, { maxWait: 60_000, timeout: 60_000 }),
  insertOrder: (tx, note) => (tx as Prisma.TransactionClient).order.create({ data: { note } }),
  pool: prisma,
  resolvesRolledBackCommit: true,
};

conformance(database, orm);
checks(database, orm);
