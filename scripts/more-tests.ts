/**
 * What `npm test` leaves to `npm run test:more`, as globs: it takes longer than all the rest, and shows what breaks rarely.
 * CI runs both.
 */
export const MORE_TESTS: readonly string[] = [
  // Processes, servers and connections that fail, each with servers of its own.
  "test/faults/*.test.ts",
  "test/runners/worker-faults.test.ts",
  // The conformance suite on drivers that npm test has in their plain form.
  "test/adapters/*odd*.test.ts",
  "test/adapters/neon-pool.test.ts",
  "test/adapters/postgres-prepared.test.ts",
  "test/adapters/postgres-transform.test.ts",
  // Each state of a row with each part of a fence wrong; races by the hundred; migrations by twenty at once.
  "test/core/zombies.test.ts",
  "test/core/*races.test.ts",
  "test/core/table/appliers.test.ts",
  "test/core/table/broken-off.test.ts",
  "test/core/table/names.test.ts",
];
