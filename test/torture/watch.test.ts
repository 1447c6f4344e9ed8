import { expect, test } from "vitest";

import { LedgerView } from "./ledger-view.ts";
import { BackendCount, standstills, type Backend, type Limit } from "./watch.ts";

const LIMIT: Limit = { name: "w.1", most: 2, severed: new Set([9]) };
const backends = (...ports: number[]): readonly Backend[] => ports.map((port) => ({ name: "w.1", port }));

/** What so many looks at the same backends find. */
function looked(count: BackendCount, seen: readonly Backend[], times: number) {
  return Array.from({ length: times }, () => count.look(seen, [LIMIT])).flat();
}

test("a process that has more backends than connections for several looks is found, once", () => {
  const count = new BackendCount();
  expect(looked(count, backends(1, 2, 3), 5)).toEqual([]);
  expect(looked(count, backends(1, 2, 3), 5)).toEqual([{ name: "w.1", has: 3, most: 2 }]);
});

test("a moment above the limit, other processes' backends, and those that the network has cut are no finding", () => {
  const count = new BackendCount();
  const other = { name: "x.1", port: 4 };
  for (let times = 0; times < 3; times += 1)
    expect(looked(count, backends(1, 2, 3), 5).concat(looked(count, backends(1, 2), 1))).toEqual([]);
  expect(looked(count, [...backends(1, 2, 9), other], 20)).toEqual([]);
});

test("looks before the server was away do not count", () => {
  const count = new BackendCount();
  looked(count, backends(1, 2, 3), 5);
  count.forget();
  expect(looked(count, backends(1, 2, 3), 5)).toEqual([]);
});

function startsAt(...times: number[]): LedgerView {
  const ledger = new LedgerView();
  for (const t of times) ledger.add({ k: "start", id: String(t), a: 1, l: "w:n", p: "w", t });
  return ledger;
}

test("a stretch in which something is due and nothing starts is a standstill, from its beginning, within and to its end", () => {
  const due = [{ from: 100_000, until: 150_000 }];
  expect(standstills(startsAt(99_000, 110_000, 125_000, 140_000), due)).toEqual([]);
  expect(standstills(startsAt(115_000, 136_000), due)).toEqual([{ from: 115_000, until: 136_000 }]);
  expect(standstills(startsAt(99_000), due)).toEqual(due);
  expect(standstills(startsAt(105_000, 120_000), due)).toEqual([{ from: 120_000, until: 150_000 }]);
  expect(standstills(startsAt(), [])).toEqual([]);
});
