import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

import { sourceAliases } from "./scripts/entries.ts";

export default defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    include: ["test/**/*.test.ts"],
    // `npm run test:runtimes`, against the built package, `npm run test:browser`, and `npm run test:faults`, which takes
    // long. `npm test` leaves scripts/more-tests.ts to `npm run test:more`.
    exclude: [
      "test/runtimes/**",
      "test/browser/**",
      "test/frameworks/**",
      "test/orms/**",
      "test/faults/long/**",
    ],
    // Vitest leaves one core free, which on two leaves one; most tests wait for PostgreSQL or for a lease.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: ["test/support/global-setup.ts"],
    // What a worker prints at its start belongs to the test that fails, and to no other.
    silent: "passed-only",
    // Beside other load anything may take long, and what is late proves nothing; a hung wait still ends.
    testTimeout: 120_000,
    hookTimeout: 120_000,
    expect: { poll: { timeout: 100_000 } },
  },
});
