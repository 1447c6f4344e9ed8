import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

import { neonConfig } from "@neondatabase/serverless";
import { expect, test } from "vitest";

import { releaseOf } from "../../scripts/orms.ts";
import { migrate } from "../../src/migrate/migrate.ts";
import { neonStandIn } from "../support/neon-stand-in.ts";
import { blocksOf } from "../package/documents.ts";
import { atEnd, ormDatabase } from "./orm.ts";

const database = await ormDatabase();
await migrate(database.rival, { schema: "pqrun" });
const standIn = await neonStandIn();
neonConfig.fetchEndpoint = standIn.fetchEndpoint;
atEnd(() => standIn[Symbol.asyncDispose]());

interface Recipe {
  order(note: string): Promise<void>;
  close(): Promise<void>;
}

const BOTH = ["drizzle", "kysely", "knex", "typeorm", "prisma", "neon-http"];
const NEWEST = ["mikro-orm", "sequelize", "objection"];
const recipes = releaseOf(process.env["PQRUN_ORMS"]) === "newest" ? [...BOTH, ...NEWEST] : BOTH;

test.each(recipes)(
  "the code for %s in docs/orms.md is what runs here: an order and its job, or neither",
  async (name) => {
    const path = fileURLToPath(new URL(`recipes/${name}.ts`, import.meta.url));
    expect(blocksOf("docs/orms.md", "ts")).toContain(readFileSync(path, "utf8"));
    process.env["DATABASE_URL"] = database.url;
    const { order, close } = (await import(path)) as Recipe;
    await database.rival.query("TRUNCATE public.orders, pqrun.jobs");
    try {
      await order("first");
      expect(await notes()).toEqual([["first"], ["first"]]);
      await database.rival.query(
        "ALTER TABLE pqrun.jobs ADD CONSTRAINT refused CHECK (payload ->> 'note' <> 'second')",
      );
      await expect(order("second")).rejects.toThrow();
      expect(await notes()).toEqual([["first"], ["first"]]);
    } finally {
      await database.rival.query("ALTER TABLE pqrun.jobs DROP CONSTRAINT IF EXISTS refused");
      await close();
    }
  },
);

/** Those of the orders, and those of the jobs. */
async function notes(): Promise<readonly unknown[]> {
  const jobs = await database.rival.query("SELECT payload ->> 'note' AS note FROM pqrun.jobs ORDER BY id");
  return [await database.orders(), jobs.map(({ note }) => note)];
}
