import { expect, test } from "vitest";

import type { TurnAnswer } from "../../src/core/turn/turn-answer.ts";
import { TypeShares } from "../../src/runners/type-shares.ts";

interface Due {
  readonly type: string;
  readonly priority: number;
}

const TYPES = Array.from({ length: 100 }, (_, n) => `t${n}`);

/** What a pick-up by shares takes of a backlog in its order, and how many it looks at: as the turn does it. */
function pickUp(
  backlog: readonly Due[],
  most: number,
  shares: readonly (number | undefined)[] = [],
): { readonly taken: number; readonly looked: number } {
  const looked = new Map<string, number>();
  const shareOf = new Map(TYPES.map((type, n) => [type, Math.min(shares[n] ?? Infinity, most + 1)]));
  let taken: number | undefined;
  for (const [place, { type }] of backlog.entries()) {
    const count = (looked.get(type) ?? 0) + 1;
    const share = shareOf.get(type) ?? 0;
    if (count <= share) looked.set(type, count);
    if (count === share || place === most) taken ??= place;
  }
  return {
    taken: taken ?? backlog.length,
    looked: [...looked.values()].reduce((sum, count) => sum + count, 0),
  };
}

const BACKLOGS: Readonly<Record<string, (n: number) => number>> = {
  "in turn": (n) => n % 100,
  "at random": (n) => Math.floor((((n * 2_654_435_761) >>> 0) / 2 ** 32) * 100),
  "one after the other": (n) => Math.floor(n / 600),
  "one after the other, a tenth of a pick-up each": (n) => Math.floor(n / 200) % 100,
  "ten, and then the others": (n) => (n < 20_000 ? n % 10 : n % 100),
};

test.for(Object.entries(BACKLOGS))(
  "of a hundred types with a backlog each, %s, little more is looked at than taken, in few pick-ups",
  ([, typeOf]) => {
    const all = Array.from({ length: 60_000 }, (_, n) => ({ type: `t${typeOf(n)}`, priority: 0 }));
    const typeShares = new TypeShares();
    const most = 2_100;
    let [at, pickUps, looked] = [0, 0, 0];
    while (at < all.length) {
      const request = { types: TYPES, slots: 100, buffer: 2_000, lockedBy: "w", leaseMs: 1 };
      const shares = typeShares.of(request);
      const rest = all.slice(at, at + 250_000);
      const answer = pickUp(rest, most, shares);
      expect(answer.taken).toBeGreaterThan(0);
      const heads = new Map<string, number>();
      for (let place = at + answer.taken; place < Math.min(all.length, at + 30_000); place += 1) {
        const { type } = all[place] ?? { type: "" };
        if (!heads.has(type)) heads.set(type, place);
      }
      const lanes = [...heads].map(([type, due]) => ({
        type,
        priority: 0,
        afterDue: String(due),
        afterId: "1",
      }));
      const jobs = all.slice(at, at + answer.taken);
      typeShares.answered({ ...request, shares }, { jobs, lanes } as unknown as TurnAnswer);
      at += answer.taken;
      looked += answer.looked;
      pickUps += 1;
    }
    // All of each type for all that is wanted: 210,000 at first, and a hundred times what is taken.
    expect(looked / all.length).toBeLessThan(8);
    // Without shares 29; where types come one after the other, some more.
    expect(pickUps).toBeLessThan(typeOf(1_000) === typeOf(1_010) ? 120 : 45);
  },
);

test("a single type, and a few that want little, are each asked for all", () => {
  const typeShares = new TypeShares();
  expect(typeShares.of({ types: ["a"], slots: 100, buffer: 2_000 })).toBeUndefined();
  expect(typeShares.of({ types: ["a", "b"], slots: 5 })).toEqual([undefined, undefined]);
});
