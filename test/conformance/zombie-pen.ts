import type { UntypedJobs } from "../../src/core/contract.ts";
import type { TableNames } from "../../src/core/sql/table-names.ts";
import type { PickedUpJob } from "../../src/core/job.ts";
import { PgJobStore } from "../../src/core/store.ts";
import { equal, fail } from "./assert.ts";
import { valuesOf } from "./rows.ts";
import type { Able, Bench } from "./subject.ts";

/** A zombie, which is an attempt that has lost its lease and doesn't know, and live attempts of the same pick-up. */
export interface Pen<Tx> {
  readonly store: PgJobStore<UntypedJobs, Tx>;
  readonly executor: Able<Tx>;
  readonly sql: Bench<Tx>["sql"];
  readonly names: TableNames;
  /** Changes the zombie's row behind pqrun's back. */
  readonly set: (assignments: string) => Promise<unknown>;
  readonly zombie: PickedUpJob;
  /** Two live attempts whose jobs come before and after the zombie's in any order of ids; none is given out twice. */
  readonly livePair: () => readonly [PickedUpJob, PickedUpJob];
  /** All rows but those of the live ones, each with its place and its writer. */
  readonly image: () => Promise<unknown>;
}

/** Picks up a zombie among live attempts; its lease has ended, and nobody has noticed yet. */
export async function penOf<Tx>(
  { executor, sql, table, names }: Omit<Bench<Tx>, "begin">,
  pairs: number,
): Promise<Pen<Tx>> {
  const store = new PgJobStore<UntypedJobs, Tx>(executor, table);
  const live = Array.from({ length: pairs }, () => ({ type: "live", payload: {} }));
  await store.enqueueMany([...live, { type: "zombie", payload: {}, dedupeKey: "k" }, ...live]);
  const pickUp = {
    types: ["live", "zombie"],
    slots: 2 * pairs + 1,
    lockedBy: `zombie:${crypto.randomUUID()}`,
  };
  const { jobs } = await store.turn({ pickUp: { ...pickUp, leaseMs: 0 } });
  const zombie = jobs[pairs] ?? fail("all are picked up");
  const living = jobs.filter((job) => job !== zombie);
  equal((await store.extend(living, 600_000)).length, 2 * pairs);
  const ids = JSON.stringify(living.map(({ id }) => id));
  return {
    store,
    executor,
    sql,
    names,
    set: (assignments) =>
      sql(`UPDATE ${names.jobs} SET ${assignments} WHERE id = $1::text::int8`, [zombie.id]),
    zombie,
    livePair: () => [living.shift() ?? fail("a live pair"), living.pop() ?? fail("a live pair")],
    image: async () =>
      valuesOf(
        await sql(
          `SELECT j::text || j.ctid::text || j.xmin::text FROM ${names.jobs} j
            WHERE j.id NOT IN (SELECT value::int8 FROM json_array_elements_text($1::text::json)) ORDER BY j.id`,
          [ids],
        ),
      ),
  };
}
