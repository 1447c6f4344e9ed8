import type { SqlRow, SqlStatement } from "../executor.ts";
import { deletesSome } from "./clauses/settle.ts";
import { cells } from "../job.ts";
import { sqlState } from "../sql/sql-state.ts";
import type { TableNames } from "../sql/table-names.ts";
import type { LimitMode, TurnScope } from "./clauses/clause.ts";
import { forgetsSteps } from "./clauses/forget-steps.ts";
import type { LaneDepth } from "./clauses/lanes.ts";
import { keepsErrorsQuestionText } from "./clauses/ticks.ts";
import { sizedText } from "./text-for-table-size.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import type { TurnRequest } from "./turn-request.ts";
import { turnStatement } from "./turn-statement.ts";
import { turnText } from "./turn-text.ts";
import type { TurnText } from "./turn-text.ts";
import { InvalidInputError } from "../errors.ts";
import type { JobContracts } from "../contract.ts";
import type { LimitKeeper, StoreLimits } from "./store-limits.ts";

/** How many pick-ups in a backlog of very many priorities find them by what is due, before one walks through them again. */
const DEEP_TURNS = 16;

/** The texts of a store's turns, and what decides between them: how large the table is, and how priorities are found. */
export class TurnTexts {
  readonly #names: TableNames;
  readonly #texts = new Map<string, TurnText>();
  #tableBytes = 0;
  /** How many more pick-ups that leave something look for priorities by what is due; undefined where none has had to. */
  #deepTurns: number | undefined;
  #asksTick: boolean;
  #keepsErrors: boolean;
  #hasHeaders: boolean;
  /** Whether that is yet to be asked, before a turn that writes errors: in a caller's transaction it can't be found out by failing. */
  #mustAsk: boolean;
  readonly #keeper: LimitKeeper | undefined;
  readonly #storeLimits: StoreLimits | undefined;
  /** Whether turns keep limits: always where contracts have some, else once types have. */
  #keeps: boolean;
  #limits: LimitMode;

  /** @param mayFail whether a turn may ask for what a table of an older version does not have: in a caller's transaction that would end it */
  constructor(names: TableNames, mayFail: boolean, keeper?: LimitKeeper, jobs?: JobContracts) {
    const limited = Object.values(jobs ?? {}).some(({ concurrency, rate }) => concurrency ?? rate);
    if (limited && keeper === undefined)
      throw new InvalidInputError("limits", "keepLimits of pqrun/limits, for contracts with limits", keeper);
    this.#keeper = keeper;
    this.#storeLimits = keeper?.of(jobs);
    this.#keeps = this.#declares;
    this.#limits = mayFail ? "whole" : "unknown";
    this.#names = names;
    this.#asksTick = mayFail;
    this.#keepsErrors = mayFail;
    this.#hasHeaders = mayFail;
    this.#mustAsk = !mayFail;
  }

  /** How the turn's priorities are to be found. */
  depthOf({ pickUp }: TurnRequest): LaneDepth {
    if (pickUp === undefined || pickUp.lanes !== undefined || this.#deepTurns === undefined) return "shallow";
    return this.#deepTurns > 0 || pickUp.slots + (pickUp.buffer ?? 0) === 0 ? "deep" : "shallow";
  }

  statement(request: TurnRequest, depth: LaneDepth): SqlStatement {
    const forgets = request.settlements?.some(forgetsSteps);
    const deletes = deletesSome(request.settlements);
    const textOf = (scope: TurnScope): TurnText => {
      const known = this.#text(scope, depth, deletes, forgets);
      return { ...known, text: sizedText(known.text, this.#tableBytes) };
    };
    const { pickUp } = request;
    if (!this.#keeps || this.#storeLimits === undefined) return turnStatement(textOf, request);
    return turnStatement(textOf, { ...request, limits: this.#storeLimits.of(pickUp?.types ?? []) });
  }

  /** What must be asked before a turn, for {@link keeps}; undefined where nothing must. */
  question({ settlements = [], reap }: TurnRequest): SqlStatement | undefined {
    const writes = reap !== undefined || settlements.some(({ outcome }) => outcome !== "done");
    return this.#mustAsk && writes ? { text: keepsErrorsQuestionText(this.#names), params: [] } : undefined;
  }

  /** Learns the answer. */
  keeps([row = {}]: readonly SqlRow[]): void {
    this.#mustAsk = false;
    const [errors] = cells(row);
    this.#know(this.#asksTick, errors === "errors");
  }

  /**
   * Learns from a turn of that depth.
   *
   * @returns whether the next one may pick up what this one has left out
   */
  answered(answer: TurnAnswer, depth: LaneDepth): boolean {
    const kept = this.#keeps;
    this.#learnLimits(answer);
    this.#tableBytes = answer.tableBytes;
    if (typeof answer.nextTickInMs === "number") this.#know(true, this.#keepsErrors);
    // What has brought one column may have brought the newer one, too.
    if (answer.keepsErrors === true) this.#know(this.#asksTick, true, true);
    if (answer.deeper) this.#deepTurns = DEEP_TURNS;
    // A backlog that is walked in order costs less, if it can be.
    else if (depth === "deep" && answer.more) this.#deepTurns = Math.max(0, (this.#deepTurns ?? 0) - 1);
    return this.#keeps && !kept;
  }

  /**
   * Whether the turn that failed may do better with a text that knows less: a table of an older version has no schedules, nor
   * their columns, no history of attempts and no headers, or its roles no right to them, and jobs are run all the same. The
   * column that is missing is taken for the newest first.
   */
  canDoWithLess(error: unknown): boolean {
    const state = sqlState(error) ?? "";
    if (!/^42(?:P01|501|703)$/.test(state)) return false;
    // The newest, and no harm where it was not to blame: a turn sees that the table has limits.
    if (this.#limits !== "unknown" && !this.#declares && state !== "42703") {
      this.#limit("unknown", false);
      return true;
    }
    if (state === "42703" && this.#hasHeaders) {
      this.#know(this.#asksTick, this.#keepsErrors, false);
      return true;
    }
    const [asksTick, keepsErrors] = [this.#asksTick, this.#keepsErrors];
    if (keepsErrors && (state === "42703" || (state === "42501" && !asksTick))) this.#know(asksTick, false);
    else this.#know(false, keepsErrors);
    return asksTick !== this.#asksTick || keepsErrors !== this.#keepsErrors;
  }

  get #declares(): boolean {
    return this.#storeLimits?.declared === true;
  }

  #learnLimits({ hasLimits, limits }: TurnAnswer): void {
    if (limits !== undefined) this.#storeLimits?.answered(limits);
    if (limits?.exist === false && !this.#declares) this.#limit("whole", false);
    if (hasLimits === undefined) return;
    const leaves = hasLimits && this.#limits !== "unknown";
    this.#limit(leaves && this.#keeper === undefined ? "all" : "whole", leaves && this.#keeper !== undefined);
  }

  #limit(limits: LimitMode, keeps: boolean): void {
    if (this.#limits !== limits || this.#keeps !== keeps) this.#texts.clear();
    this.#limits = limits;
    this.#keeps = keeps;
  }

  #know(asksTick: boolean, keepsErrors: boolean, hasHeaders = this.#hasHeaders): void {
    const same =
      this.#asksTick === asksTick && this.#keepsErrors === keepsErrors && this.#hasHeaders === hasHeaders;
    if (!same) this.#texts.clear();
    this.#hasHeaders = hasHeaders;
    this.#asksTick = asksTick;
    this.#keepsErrors = keepsErrors;
  }

  #text(scope: TurnScope, depth: LaneDepth, deletes: boolean, forgets = false): TurnText {
    const key = `${depth} ${scope} ${deletes} ${forgets}`;
    const text =
      this.#texts.get(key) ??
      turnText(this.#names, {
        ...{ scope, depth, deletes, forgets },
        ...{ schedules: this.#asksTick, errors: this.#keepsErrors, headers: this.#hasHeaders },
        ...{ limits: this.#limits, keeping: this.#keeps ? this.#keeper?.clauses : undefined },
      });
    this.#texts.set(key, text);
    return text;
  }
}
