import { availableParallelism } from "node:os";

import { defineConfig } from "vitest/config";

import { sourceAliases } from "./scripts/entries.ts";

export default defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    include: ["test/**/*.test.ts"],
    // `npm run test:runtimes`, against the built package, and `npm run test:faults`, which takes long.
    exclude: ["test/runtimes/**", "test/faults/long/**"],
    // Vitest leaves one core free, which on two leaves one; most tests wait for PostgreSQL or for a lease.
    maxWorkers: Math.max(2, availableParallelism() - 1),
    globalSetup: ["test/support/global-setup.ts"],
    // PGlite takes seconds to start on a busy machine; a hung wait still ends.
    testTimeout: 30_000,
    hookTimeout: 60_000,
  },
});
