import { expect, test } from "vitest";

import { apiReport, writtenReport } from "../../scripts/api-report.ts";

test("docs/api.txt shows the public surface as it is; where it does not, `npm run api` writes it anew", () => {
  expect(apiReport()).toBe(writtenReport());
});

test("what a runner asks of a store has an entry of its own: no store declares it, and `pqrun` names none of it", () => {
  const report = apiReport();
  const [names = ""] = /^pqrun\n(?: {2}\w+\n)+/m.exec(report) ?? [];
  expect(names).toContain("  PgJobStore\n");
  expect(names).not.toMatch(/^ {2}(?:Turn|PickUp|Reap$|Lane|Extend|EXECUTOR|sqlState|tableNames)/m);
  const stores = ["JobProducer", "PgJobStore", "ScheduleStore"].map(
    (name) => new RegExp(`^class ${name}<[^]*?^}`, "m").exec(report)?.[0] ?? "",
  );
  for (const declared of stores) {
    expect(declared).toContain("constructor(executor: SqlExecutor<Tx>, options?");
    expect(declared).not.toMatch(
      / (?:turn|extend|findPickUp|executorOf)\(|\b(?:listen|channel|inTransaction)\b/,
    );
  }
});
