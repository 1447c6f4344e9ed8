import type { SqlExecutor, SqlRow } from "../../src/core/executor.ts";
import { tableNames } from "../../src/core/sql/table-names.ts";
import type { TableNames, TableOptions } from "../../src/core/sql/table-names.ts";
import { ok } from "./assert.ts";

/** Registers one test: the `test` of any runner. */
export type RegisterTest = (name: string, work: () => Promise<void>) => unknown;

/** An executor over a migrated queue without jobs, which nobody else uses until it is closed. */
export interface Subject<Tx = never> {
  /** What is to be proven. */
  readonly executor: SqlExecutor<Tx>;
  /** Reaches the same database by connections of its own, best through another driver. */
  readonly rival?: SqlExecutor;
  /** Where the queue is. @default `public.jobs` */
  readonly table?: TableOptions;
  /** Runs `work` in a transaction that the driver itself opens: commits, or rolls back where `work` rejects. */
  begin?(work: (tx: Tx) => Promise<void>): Promise<void>;
  /** Closes what `open` opened. */
  close(): Promise<void>;
}

/**
 * What a driver may lack: the optional members of an executor, and
 * - `hears`: LISTEN succeeds, and no NOTIFY ever arrives, as behind a transaction pooler;
 * - `rival`: there is only one session;
 * - `abort`: a statement that has begun can't be walked away from;
 * - `recovery`: after an aborted statement the executor is of no use until that has ended;
 * - `cancel`: an aborted statement goes on at the server;
 * - `reconnect`: LISTEN ends with its session;
 * - `extended`: a text without parameters goes by the simple protocol, which takes several statements.
 */
export const CAPABILITIES = [
  "batch",
  "transaction",
  "with",
  "listen",
  "hears",
  "rival",
  "abort",
  "recovery",
  "cancel",
  "reconnect",
  "extended",
] as const;

/** One of {@link CAPABILITIES}. */
export type Capability = (typeof CAPABILITIES)[number];

/** One driver, and how it is to be proven. */
export interface Suite<Tx = never> {
  readonly test: RegisterTest;
  /** Called for each test. */
  readonly open: () => Promise<Subject<Tx>>;
  /** What the driver lacks, each with its reason. Tests that need it are left out, and named. */
  readonly lacks?: Partial<Readonly<Record<Capability, string>>>;
  /** Takes a line for each test left out. @default console.log */
  readonly print?: (line: string) => void;
}

/** What a test works with. */
export interface Bench<Tx> {
  readonly executor: Able<Tx>;
  /** The rival, or the executor where there is none: to look at the table and to set it up. */
  readonly sql: (text: string, params?: readonly (string | null)[]) => Promise<readonly SqlRow[]>;
  readonly table: TableOptions;
  readonly names: TableNames;
  /** Runs `work` in a transaction of the driver's own. */
  begin(work: (tx: Tx) => Promise<void>): Promise<void>;
}

/** An executor whose optional members are taken for granted: a test says what it needs. */
export type Able<Tx> = SqlExecutor<Tx> &
  Required<Pick<SqlExecutor<Tx>, "batch" | "transaction" | "with" | "listen">>;

/** Registers one promise, if the driver has what it needs. */
export type Promises<Tx> = (
  name: string,
  needs: readonly Capability[],
  work: (bench: Bench<Tx>) => Promise<void>,
) => void;

/** Begins a suite. */
export function promisesOf<Tx>({ test, open, lacks = {}, print = console.log }: Suite<Tx>): Promises<Tx> {
  return (name, needs, work) => {
    const missing = needs.find((need) => lacks[need] !== undefined);
    if (missing !== undefined) {
      print(`left out, ${missing} (${lacks[missing] ?? ""}): ${name}`);
      return;
    }
    test(name, async () => {
      const subject = await open();
      try {
        await work(benchOf(subject, needs));
      } finally {
        await subject.close();
      }
    });
  };
}

/** The optional members of an executor. */
export const OPTIONAL_MEMBERS = [
  "batch",
  "transaction",
  "with",
  "listen",
] as const satisfies readonly Capability[];

function benchOf<Tx>(subject: Subject<Tx>, needs: readonly Capability[]): Bench<Tx> {
  const { executor, rival, table = {} } = subject;
  for (const member of OPTIONAL_MEMBERS) {
    if (needs.includes(member))
      ok(executor[member] !== undefined, `the executor has no ${member}: say so in lacks`);
  }
  if (needs.includes("rival")) ok(rival !== undefined, "open() gave no rival: say so in lacks");
  return {
    executor: executor as Able<Tx>,
    sql: (text, params = []) => (rival ?? executor).query(text, params),
    table,
    names: tableNames(table),
    begin: async (work) => {
      if (subject.begin === undefined) throw new Error("open() gave no begin, which `with` is proven by");
      await subject.begin(work);
    },
  };
}
