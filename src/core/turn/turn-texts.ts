import type { SqlStatement } from "../executor.ts";
import { sqlState } from "../sql/sql-state.ts";
import type { TableNames } from "../sql/table-names.ts";
import type { LaneDepth } from "./lanes-text.ts";
import { sizedText } from "./text-for-table-size.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import { turnStatement } from "./turn-request.ts";
import type { TurnRequest } from "./turn-request.ts";
import { turnText } from "./turn-text.ts";
import type { TurnScope } from "./turn-text.ts";

/** How many pick-ups in a backlog of very many priorities find them by what is due, before one walks through them again. */
const DEEP_TURNS = 16;

/** The texts of a store's turns, and what decides between them: how large the table is, and how priorities are found. */
export class TurnTexts {
  readonly #names: TableNames;
  readonly #texts = new Map<string, string>();
  #tableBytes = 0;
  /** How many more pick-ups that leave something look for priorities by what is due; undefined where none has had to. */
  #deepTurns: number | undefined;
  #asksTick: boolean;

  /** @param asksTick whether a turn asks for the next tick: in a caller's transaction a table without schedules would end that */
  constructor(names: TableNames, asksTick: boolean) {
    this.#names = names;
    this.#asksTick = asksTick;
  }

  /** How the turn's priorities are to be found. */
  depthOf({ pickUp }: TurnRequest): LaneDepth {
    if (pickUp === undefined || pickUp.lanes !== undefined || this.#deepTurns === undefined) return "shallow";
    return this.#deepTurns > 0 || pickUp.slots + (pickUp.buffer ?? 0) === 0 ? "deep" : "shallow";
  }

  statement(request: TurnRequest, depth: LaneDepth): SqlStatement {
    return turnStatement((scope) => sizedText(this.#text(scope, depth), this.#tableBytes), request);
  }

  /** Learns from a turn of that depth. */
  answered(answer: TurnAnswer, depth: LaneDepth): void {
    this.#tableBytes = answer.tableBytes;
    if (typeof answer.nextTickInMs === "number") this.#askTick(true);
    if (answer.deeper) this.#deepTurns = DEEP_TURNS;
    // A backlog that is walked in order costs less, if it can be.
    else if (depth === "deep" && answer.more) this.#deepTurns = Math.max(0, (this.#deepTurns ?? 0) - 1);
  }

  /**
   * Whether the turn that failed may do better without asking for the next tick: a table of an older version has no
   * schedules, nor their columns, or its roles no right to them, and jobs are run all the same.
   */
  canDoWithoutTicks(error: unknown): boolean {
    if (!this.#asksTick || !/^42(?:P01|501|703)$/.test(sqlState(error) ?? "")) return false;
    this.#askTick(false);
    return true;
  }

  #askTick(asks: boolean): void {
    if (this.#asksTick !== asks) this.#texts.clear();
    this.#asksTick = asks;
  }

  #text(scope: TurnScope, depth: LaneDepth): string {
    const key = `${depth} ${scope}`;
    const text = this.#texts.get(key) ?? turnText(this.#names, scope, depth, this.#asksTick);
    this.#texts.set(key, text);
    return text;
  }
}
