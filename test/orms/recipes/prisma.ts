import { PrismaPg } from "@prisma/adapter-pg";
import { Pool } from "pg";
import { PgJobStore } from "pqrun";
import { pgExecutor } from "pqrun/pg";
import { withPrisma } from "pqrun/prisma";
// What `prisma generate` writes, wherever your schema says.
import { PrismaClient } from "prisma-generated";

const connectionString = process.env["DATABASE_URL"] ?? "";
const prisma = new PrismaClient({ adapter: new PrismaPg({ connectionString }) });
const pool = new Pool({ connectionString });
const store = new PgJobStore(withPrisma(pgExecutor(pool)), { schema: "pqrun" });

export async function order(note: string): Promise<void> {
  await prisma.$transaction(async (tx) => {
    await tx.order.create({ data: { note } });
    await store.with(tx).enqueue("invoice", { note });
  });
}

export const close = async (): Promise<void> => {
  await Promise.all([prisma.$disconnect(), pool.end()]);
};
