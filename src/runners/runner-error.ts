import { causesText } from "../core/values/error-text.ts";
import type { Logger } from "../core/logger.ts";
import { safely } from "../core/safely.ts";
import { TroubleLog } from "./trouble-log.ts";

/** What a runner sends beside handlers' own work. */
export const RUNNER_OPERATIONS = ["turn", "extend", "findPickUp", "tick", "declare", "prune"] as const;

/** One of {@link RUNNER_OPERATIONS}. */
export type RunnerOperation = (typeof RUNNER_OPERATIONS)[number];

/** A statement of a runner that failed. */
export interface RunnerErrorEvent {
  readonly operation: RunnerOperation;
  /** As the driver threw it: it may hold secrets. */
  readonly error: unknown;
}

/** Is called with each failure of a runner's own statements. */
export type OnRunnerError = (event: RunnerErrorEvent) => unknown;

const MESSAGES: Readonly<Record<RunnerOperation, string>> = {
  turn: "the database did not settle, reap or pick up; tried again",
  extend: "leases could not be extended; tried again",
  findPickUp: "a pick-up without an answer could not be looked for; tried again",
  tick: "schedules could not be ticked; tried again",
  declare: "schedules could not be declared",
  prune: "old jobs could not be deleted; tried again",
};

/** Reports failures of a runner's statements: each to the user's hook, to the log the first and then fewer. */
export class RunnerErrors {
  readonly #onError: OnRunnerError | undefined;
  readonly #logger: Logger;
  readonly #trouble: Readonly<Record<RunnerOperation, TroubleLog>>;

  constructor(options: {
    readonly onError: OnRunnerError | undefined;
    readonly logger: Logger;
    readonly now: () => number;
  }) {
    this.#onError = options.onError;
    this.#logger = options.logger;
    this.#trouble = {
      turn: new TroubleLog(options),
      extend: new TroubleLog(options),
      findPickUp: new TroubleLog(options),
      tick: new TroubleLog(options),
      declare: new TroubleLog(options),
      prune: new TroubleLog(options),
    };
  }

  failed(operation: RunnerOperation, error: unknown): void {
    this.#trouble[operation].failed(MESSAGES[operation], error);
    this.#emit(operation, error);
  }

  /** For how long no turn has been answered although turns were sent, in milliseconds; undefined where the last one was. */
  get turnsFailForMs(): number | undefined {
    return this.#trouble.turn.forMs;
  }

  /** Waiting cannot mend it. */
  cannotWork(error: unknown): void {
    this.#logger.error("the worker cannot work: waiting does not mend this", { error: causesText(error) });
    this.#emit("turn", error);
  }

  answered(operation: RunnerOperation): void {
    this.#trouble[operation].over("the database answers again");
  }

  #emit(operation: RunnerOperation, error: unknown): void {
    const onError = this.#onError;
    if (onError === undefined) return;
    void safely(
      () => onError({ operation, error }),
      (name) => {
        this.#logger.error("onError threw", { error: name });
      },
    );
  }
}
