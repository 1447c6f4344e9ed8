import { executorSuite, queueSuite, runnerSuite, type Capability, type Subject } from "pqrun/conformance";
import { describe, test } from "vitest";

import { inTransaction } from "../../src/adapters/shared/in-transaction.ts";
import { executor, type SqlExecutor } from "../../src/executor.ts";
import type { ConformanceDatabase } from "../support/conformance-database.ts";
import type { Orm } from "./orm.ts";

const lacks: Partial<Record<Capability, string>> = {
  batch: "an ORM's transaction is interactive",
  listen: "the driver beside the ORM listens",
  abort: "an ORM waits for its statement",
  extended: "the text without parameters goes as the ORM sends it",
};

/** The whole suite, each of its statements in a transaction of the ORM's. */
export function conformance<Tx>(database: ConformanceDatabase, orm: Orm<Tx>): void {
  const open = async (): Promise<Subject<Tx>> => {
    await database.empty();
    return {
      executor: orm.wrap(inTransactionsOf(database.rival, orm)),
      rival: database.rival,
      begin: (work) => orm.transaction(work),
      close: () => Promise.resolve(),
    };
  };
  describe(`the conformance suite in transactions of ${orm.name}`, () => {
    executorSuite({ test, open, lacks });
    queueSuite({ test, open, lacks });
    runnerSuite({ test, open, lacks });
  });
}

/** An executor whose every statement goes through a transaction of the ORM's. */
function inTransactionsOf<Tx>(rival: SqlExecutor, orm: Orm<Tx>): SqlExecutor {
  const { with: through } = orm.wrap(rival);
  if (through === undefined) throw new Error("the wrapper has no with");
  return executor({
    query: (text, params, options) =>
      orm.transaction(async (tx) => [...(await through(tx).query(text, params, options))]),
    transaction: (work) =>
      orm.transaction((tx) => inTransaction((text, params) => through(tx).query(text, params), work)),
    outlivesRequest: true,
  });
}
