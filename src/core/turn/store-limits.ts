import type { JobContract, JobContracts } from "../contract.ts";
import { InvalidInputError } from "../errors.ts";
import { checkWhole } from "../values/check-number.ts";
import { checkOptions } from "../values/known-options.ts";
import type { LimitClauses } from "./clauses/clause.ts";
import { ORDERS } from "./clauses/gate.ts";
import type { TurnAnswer } from "./turn-answer.ts";
import type { TurnRequest } from "./turn-request.ts";

/** Most jobs that a pick-up looks at of a type that bounds its keys, and how many more after one that found few to run. */
const MOST_LOOKED = 2_000;
const FIRST_LOOK = 100;

const MAX_INT4 = 2_147_483_647;
/** About 25 days. */
const MAX_SECONDS = 2_147_483;

/** A type's limits as the turn has them: see its parameter `typeLimits`. */
type Encoded = Readonly<Record<"c" | "k" | "q" | "w" | "o", number | undefined>>;

/** What a store needs to keep limits. */
export interface LimitKeeper {
  /** @internal */
  readonly clauses: LimitClauses;
  /** @internal What the contracts declare. @throws InvalidInputError naming the contract's field. */
  readonly of: (jobs: JobContracts | undefined) => StoreLimits;
}

/** The limits that a store's contracts declare, and what it has learnt from its turns of where to look. */
export class StoreLimits {
  /** Whether any contract has some. */
  readonly declared: boolean;
  readonly #types = new Map<string, Encoded>();
  /** The key of each type behind which its next look goes on. */
  readonly #from = new Map<string, string>();
  #keyLook = 0;

  /** @throws InvalidInputError naming the contract's field. */
  constructor(jobs: JobContracts = {}) {
    for (const [type, contract] of Object.entries(jobs)) {
      const { concurrency, rate } = contract;
      if (concurrency !== undefined || rate !== undefined)
        this.#types.set(type, encode(`jobs.${type}.`, contract));
    }
    this.declared = this.#types.size > 0;
  }

  /** Of these types, for a turn. */
  of(types: readonly string[]): NonNullable<TurnRequest["limits"]> {
    const list = types
      .filter((type) => this.#types.has(type) || this.#from.has(type))
      .map((t) => ({ t, ...this.#types.get(t), f: this.#from.get(t) }));
    return { types: JSON.stringify(list), keyLook: this.#keyLook };
  }

  /** Learns from a turn. */
  answered({ from, wider }: NonNullable<TurnAnswer["limits"]>): void {
    for (const [type, key] of Object.entries(from)) this.#from.set(type, key);
    // A look of which half is put aside does not find what may run: until one does, each looks at four times as many.
    this.#keyLook = wider ? Math.min(MOST_LOOKED, Math.max(FIRST_LOOK, this.#keyLook * 4)) : 0;
  }
}

function encode(field: string, { concurrency = {}, rate }: JobContract): Encoded {
  const { total, perKey, order = "due" } = concurrency;
  checkOptions(concurrency, { total: true, perKey: true, key: true, order: true }, `${field}concurrency.`);
  if (total !== undefined) checkWhole(`${field}concurrency.total`, total, 1, MAX_INT4);
  if (perKey !== undefined) checkWhole(`${field}concurrency.perKey`, perKey, 1, MAX_INT4);
  if (!["due", "turns", "strict"].includes(order) || (order === "strict" && perKey !== 1))
    throw new InvalidInputError(
      `${field}concurrency.order`,
      "due, turns, or strict with a perKey of 1",
      order,
    );
  if (rate !== undefined) {
    checkOptions(rate, { limit: true, seconds: true }, `${field}rate.`);
    checkWhole(`${field}rate.limit`, rate.limit, 1, MAX_INT4);
    if (!(rate.seconds > 0 && rate.seconds <= MAX_SECONDS))
      throw new InvalidInputError(`${field}rate.seconds`, `seconds above 0, to ${MAX_SECONDS}`, rate.seconds);
  }
  return {
    c: total,
    // Where keys take turns they are told apart, however many jobs of each may run.
    k: perKey ?? (order === "turns" ? MAX_INT4 : undefined),
    q: rate?.limit,
    w: rate?.seconds,
    o: order === "due" ? undefined : ORDERS[order],
  };
}
