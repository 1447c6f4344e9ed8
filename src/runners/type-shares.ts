import type { TurnAnswer } from "../core/turn/turn-answer.ts";
import type { Lane, PickUp } from "../core/turn/turn-request.ts";

/** What any type or lane may have now that had nothing before: few, since each is locked in vain, and enough to be seen. */
const LEAST = 4;
/** Beyond what is expected, in standard deviations: a hundred types seldom have one among them that has more. */
const DEVIATIONS = 3;
/** A part that is forgotten: less than one job of the largest pick-up. */
const LEAST_PART = 1 / 4_000;

/**
 * How many jobs a pick-up looks at of each type, or of each lane that it goes on in. Whatever is looked at is locked, so a
 * hundred types that are each asked for all that is wanted cost a hundred times what is taken. Each is asked for as many
 * as it had part in the pick-up before, and some more. Where a share turns out too small the pick-up ends early, in
 * order, and that type's part is the larger in the next.
 */
export class TypeShares {
  /** Each type's part in what was last picked up, and each lane's; half of what it was before if that was more. */
  readonly #parts = new Map<string, number>();
  /** Which come next, where shares were much too small. */
  #next: ReadonlyMap<string, number> = new Map();

  /** The shares of a pick-up's types or lanes, in their order; undefined where each may be asked for all. */
  of({
    types,
    lanes,
    slots,
    buffer = 0,
  }: Pick<PickUp, "types" | "lanes" | "slots" | "buffer">): PickUp["shares"] {
    const keys = lanes?.map(laneKey) ?? types;
    if (keys.length < 2) return undefined;
    // One more tells whether more is due.
    const wanted = slots + buffer + 1;
    const even = 1 / keys.length;
    return keys.map((key) => {
      const expected = wanted * (this.#parts.size === 0 ? even : (this.#parts.get(key) ?? 0));
      const share =
        wanted * 0.5 ** (this.#next.get(key) ?? Infinity) +
        expected +
        DEVIATIONS * Math.sqrt(expected) +
        LEAST +
        (wanted * even) / 4;
      return share < wanted ? Math.ceil(share) : undefined;
    });
  }

  /**
   * Learns from a pick-up.
   *
   * @returns whether a share was too small for all that was wanted
   */
  answered(
    { types, lanes, shares, slots, buffer = 0 }: PickUp,
    answer: Pick<TurnAnswer, "jobs" | "lanes">,
  ): boolean {
    const { jobs } = answer;
    const keys = lanes?.map(laneKey) ?? types;
    if (jobs.length === 0 || keys.length < 2) return false;
    const counts = new Map<string, number>();
    for (const job of jobs)
      for (const key of [job.type, laneKey(job)]) counts.set(key, (counts.get(key) ?? 0) + 1);
    for (const [key, part] of this.#parts) {
      if (part < LEAST_PART) this.#parts.delete(key);
      else this.#parts.set(key, part / 2);
    }
    for (const [key, count] of counts)
      this.#parts.set(key, Math.max(count / jobs.length, this.#parts.get(key) ?? 0));
    // The last job of a share is never picked up.
    const cut = keys.some((key, n) => (counts.get(key) ?? 0) + 1 >= (shares?.[n] ?? Infinity));
    const short = cut && jobs.length < (slots + buffer) / 2;
    this.#next = short ? ranks([...answer.lanes].sort(byUrgency)) : new Map();
    return cut;
  }
}

/** The place of each lane, and of each type by its first lane. */
function ranks(lanes: readonly Lane[]): ReadonlyMap<string, number> {
  const places = new Map<string, number>();
  for (const [place, lane] of lanes.entries())
    for (const key of [lane.type, laneKey(lane)]) if (!places.has(key)) places.set(key, place);
  return places;
}

/** Of two that have been due for ever the difference is NaN. */
function byUrgency(a: Lane, b: Lane): number {
  return (
    b.priority - a.priority ||
    Number(a.afterDue) - Number(b.afterDue) ||
    Number(a.afterId) - Number(b.afterId)
  );
}

/** A type that is named as a lane is written here has a part with it, which costs some locks. */
function laneKey({ type, priority }: { readonly type: string; readonly priority: number }): string {
  return `${priority}\n${type}`;
}
