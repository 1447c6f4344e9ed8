import type { SqlStatement } from "../../src/core/executor.ts";
import { cellsOf } from "./rows.ts";
import type { Bench } from "./subject.ts";

/** A small table beside the queue, for what an application itself would write. */
export interface Marks {
  /** Inserts one mark; a second of the same name fails with 23505. */
  insert(mark: string): SqlStatement;
  /** Every mark that is committed, in order. */
  all(): Promise<readonly string[]>;
}

const TABLE = "public.pqrun_conformance_marks";

/** Creates the table of marks, or empties it. */
export async function marksOf<Tx>({ sql }: Bench<Tx>): Promise<Marks> {
  await sql(`CREATE TABLE IF NOT EXISTS ${TABLE} (mark text PRIMARY KEY)`);
  await sql(`TRUNCATE ${TABLE}`);
  return {
    insert: (mark) => ({
      text: `INSERT INTO ${TABLE} (mark) VALUES ($1::text) RETURNING mark AS a`,
      params: [mark],
    }),
    all: async () =>
      (await sql(`SELECT mark AS a FROM ${TABLE} ORDER BY mark`)).map((row) => String(cellsOf(row)[0])),
  };
}
