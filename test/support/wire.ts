import type { QueryOptions, SqlExecutor, SqlRow } from "../../src/core/executor.ts";
import { readTurn } from "../../src/core/turn/turn-answer.ts";
import { arrayOf } from "./array-text.ts";
import { turnParameters } from "./turn-parameters.ts";

/** A statement that was sent, named for the operation that it is. */
export interface Statement {
  readonly kind: "turn" | "extend" | "findPickUp" | "enqueue" | "prune" | "other";
  readonly text: string;
  readonly params: readonly unknown[];
  /** What the database answered, if it did. */
  rows?: readonly SqlRow[];
}

/** What stands between a statement and its answer: it may hold either back, lose it, or fail. */
export type Step = (
  statement: Statement,
  send: () => Promise<readonly SqlRow[]>,
) => Promise<readonly SqlRow[]>;

const MARKS = [
  ["backlog AS MATERIALIZED", "turn"],
  ["extended AS", "extend"],
  ["j.locked_by = ANY", "findPickUp"],
  ["INSERT INTO", "enqueue"],
  ["DELETE FROM", "prune"],
] as const;

/** The way from a store to PostgreSQL, which a test can watch and cut. All that is sent still runs there. */
export class Wire {
  readonly sent: Statement[] = [];
  /** May be replaced at any time. */
  step: Step = (_statement, send) => send();
  readonly #watchers = new Set<() => void>();

  readonly between = <Tx>(executor: SqlExecutor<Tx>): SqlExecutor<Tx> => ({
    ...executor,
    query: (text, params, options) => this.#query(executor, text, params, options),
  });

  turns(): Statement[] {
    return this.sent.filter(({ kind }) => kind === "turn");
  }

  /** The first statement, of now or later, that has been answered and passes the test. */
  async answered(test: (statement: Statement) => boolean): Promise<Statement> {
    return await this.until(() => this.sent.find((sent) => sent.rows !== undefined && test(sent)));
  }

  /** What `look` finds, asked again at each statement and each answer. */
  async until<T>(look: () => T | undefined): Promise<T> {
    for (;;) {
      const found = look();
      if (found !== undefined) return found;
      await new Promise<void>((resolve) => this.#watchers.add(resolve));
    }
  }

  async #query(
    executor: SqlExecutor,
    text: string,
    params: readonly unknown[] = [],
    options?: QueryOptions,
  ): Promise<readonly SqlRow[]> {
    const kind = MARKS.find(([mark]) => text.includes(mark))?.[1] ?? "other";
    const statement: Statement = { kind, text, params };
    this.sent.push(statement);
    this.#tell();
    const rows = await this.step(statement, () => executor.query(text, params, options));
    statement.rows = rows;
    // After its caller has had the answer.
    setImmediate(() => {
      this.#tell();
    });
    return rows;
  }

  #tell(): void {
    const watchers = [...this.#watchers];
    this.#watchers.clear();
    for (const watcher of watchers) watcher();
  }
}

/** Parts of a turn, read back from its parameters. */
export function turnParts({ text, params }: Statement): {
  readonly settlements: number;
  readonly slots: number;
  readonly buffer: number;
  readonly reaps: boolean;
  /** How long the guard is to stand: 0 lowers it. */
  readonly guardMs: number | undefined;
  readonly probes: boolean;
  /** Whether it picks up behind the last job of a lane. */
  readonly goesOn: boolean;
} {
  const sent = turnParameters(text, params);
  return {
    settlements: arrayOf(sent["settledIds"] ?? "{}").length,
    slots: Number(sent["slots"] ?? 0),
    buffer: Number(sent["buffer"] ?? 0),
    reaps: (sent["reapLimit"] ?? "0") !== "0",
    guardMs: (sent["waiter"] ?? null) === null ? undefined : Number(sent["waitMs"]),
    probes: (sent["probe"] ?? null) !== null,
    goesOn: String(sent["places"]).includes('"p":'),
  };
}

/**
 * Resolves once a worker has raised its guard and seen every transaction end
 * that was open then: from here on it waits to be told.
 */
export async function untilIdle(wire: Wire): Promise<void> {
  await wire.until(() => {
    const answers = wire
      .turns()
      .flatMap((turn) =>
        turn.rows === undefined ? [] : [{ ...turnParts(turn), ...readTurn(turn.rows, {}) }],
      );
    const guard = answers.findLastIndex(({ guardMs }) => guardMs !== undefined && guardMs > 0);
    const looks = guard === -1 ? [] : answers.slice(guard + 1);
    const [first] = looks;
    return looks.find(({ snapshot }) => first !== undefined && snapshot.oldest >= first.snapshot.next);
  });
}

/** What a driver throws when its connection is gone. */
export const connectionLost = (): Error =>
  Object.assign(new Error("Connection terminated unexpectedly"), { code: "ECONNRESET" });

/** Carries a statement out and loses its answer. */
export const loseAnswer: Step = async (_statement, send) => {
  await send();
  throw connectionLost();
};
