import { defineConfig } from "vitest/config";

import { sourceAliases } from "./scripts/entries.ts";

/** `npm run test:faults`: the faults that take minutes, each with servers of its own. */
export default defineConfig({
  resolve: { alias: sourceAliases() },
  test: {
    include: ["test/faults/long/**/*.test.ts"],
    // Recoveries are measured.
    maxWorkers: 1,
    globalSetup: ["test/support/global-setup.ts"],
    testTimeout: 1_200_000,
    hookTimeout: 120_000,
  },
});
